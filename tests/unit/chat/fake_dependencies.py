"""Fake dependencies of the chat service, and what their provider answers."""

import json
import time
from typing import Any, cast

from chat.service import ChatService
from qwen_gateway import config
from qwen_gateway.api import HttpRequest
from qwen_gateway.calls import MeteredCalls
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import GatewayError
from qwen_gateway.ledger import Admission, AdmissionRefused, Caller, KeySnapshot, UsageRecord, WinningRecord
from qwen_gateway.pricing import Prices
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Deadline, Outcome, RoutedRequest
from qwen_gateway.upstream.operations import Operation
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.usage import Usage
from tests.builders import KEY_ID, chat_request, key_snapshot, token

TIMEOUTS = Timeouts()
TOKEN = token()
IDS = RequestIds("req_01ARZ3NDEKTSV4RRFFQ69G5FAV", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
TARGET = Target("dashscope", "qwen4-max")
USAGE = {"prompt_tokens": 12, "completion_tokens": 3}
ANSWER = {"object": "chat.completion", "choices": [], "usage": USAGE}
PRICED_ANSWER = ANSWER | {"usage": USAGE | {"cost": 0.0000315, "cost_currency": "USD"}}
"""12 * 1.5 + 3 * 4.5 = 31.5 dollars per million."""
ANSWERED = Outcome((Attempt(TARGET, "", 200, "req-1", 40, 10, "billed"),), ANSWER, Usage(12, 3))


class FakeDependencies:
    """All dependencies of the service; records the order in which they are called."""

    def __init__(self, outcome: Outcome | Exception = ANSWERED, *, errors: dict[str, Exception] | None = None) -> None:
        self._outcome = outcome
        self._refusing = errors or {}
        self.steps: list[str] = []
        self.seconds_left = 0.0
        self.admission_s = 0.0
        self.is_known = False
        self.calls: list[RoutedRequest] = []
        self.records: list[UsageRecord] = []

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name in self._refusing:
            raise self._refusing[name]

    def was_valid(self, _token_hash: str) -> bool:
        return self.is_known

    def read_key(self, _caller: Caller) -> KeySnapshot:
        self._step("key")
        return key_snapshot()

    def admit(self, caller: Caller, *_: object) -> Admission:
        assert caller.key_id == KEY_ID
        if refusal := self._refusing.get("admit"):
            raise AdmissionRefused(cast("GatewayError", refusal), None, 0)
        self._step("admit")
        time.sleep(self.admission_s)
        return Admission(key_snapshot(), now=0)

    def describe(self, _target: Target) -> None:
        return None

    def adapt(self, *_: object) -> dict[Target, Any]:
        return {}

    def serving(self, *_: object) -> tuple[Target, ...]:
        self._step("route")
        return (TARGET,)

    def retirement(self, _target: Target) -> None:
        return None

    def complete(self, operation: Operation, request: RoutedRequest, deadline: Deadline, _hook: object) -> Outcome:
        assert operation is CHAT
        self._step("call")
        self.seconds_left = deadline.remaining()
        self.calls.append(request)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def stream(self, operation: Operation, request: RoutedRequest, deadline: Deadline, hook: object) -> Outcome:
        return self.complete(operation, request, deadline, hook)

    def open(self, record: UsageRecord) -> None:
        self._step("open")
        assert record.state == "open"

    def put(self, _admission: Admission, record: UsageRecord) -> WinningRecord:
        self._step("record")
        self.records.append(record)
        return WinningRecord(record.state, record.hold, record.cost or 0)

    def release(self, *_: object) -> None:
        self._step("release")

    def serve(self, body: Any = None, headers: dict[str, str] | None = None, seconds: float = 20) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body or chat_request()).encode()
        request = HttpRequest(IDS, {"authorization": f"Bearer {TOKEN}", **(headers or {})}, raw)
        calls = MeteredCalls(self, self, cast("Any", self), TIMEOUTS, self, Prices(config.parse("")))
        return ChatService(cast("Any", self), calls).complete(request, seconds + TIMEOUTS.reserved_for_ledger)
