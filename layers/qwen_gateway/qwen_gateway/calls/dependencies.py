"""What the metered call needs of the ledger, the providers' client, the routes, and of a request that is split."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from qwen_gateway.calls import call_plan
from qwen_gateway.calls.call_plan import CallPlan
from qwen_gateway.catalog import Retirement
from qwen_gateway.ledger import Admission, Caller, KeySnapshot
from qwen_gateway.routing import Target
from qwen_gateway.upstream import BeforeAttempt, Deadline, Outcome, Relay, RoutedRequest
from qwen_gateway.upstream.operations import Operation, StreamingOperation


class Admissions(Protocol):
    """The ledger's admission of calls."""

    def was_valid(self, token_hash: str) -> bool:
        """Return whether a token was accepted in this environment within ten minutes."""
        ...

    def read_key(self, caller: Caller) -> KeySnapshot:
        """Authenticate by a read, or raise KeyRefused."""
        ...

    def admit(
        self, caller: Caller, plan: CallPlan, seconds_left: Callable[[], float], read: KeySnapshot | None
    ) -> Admission:
        """Admit a call, or raise AdmissionRefused."""
        ...


class Upstream(call_plan.Upstream, Protocol):
    """The providers' client. Errors are returned, not raised."""

    def complete(
        self, operation: Operation, request: RoutedRequest, deadline: Deadline, before_attempt: BeforeAttempt
    ) -> Outcome[dict[str, Any]]:
        """Return the whole answer."""
        ...

    def stream(
        self, operation: StreamingOperation, request: RoutedRequest, deadline: Deadline, before_attempt: BeforeAttempt
    ) -> Outcome[Relay]:
        """Return the answer as soon as its first output has arrived."""
        ...


class Routes(call_plan.Routes, Protocol):
    """The models of the targets, and their retirements."""

    def retirement(self, target: Target) -> Retirement | None:
        """Return the retirement of a target's model if clients have to be warned of it."""
        ...


class RequestPart(Protocol):
    """A part of a request that is split: its body, and the field that names it in an error."""

    @property
    def body(self) -> Mapping[str, Any]:
        """The body of the request for it."""
        ...

    @property
    def field(self) -> str:
        """The field of the whole request; empty for all of it."""
        ...
