"""A step of a process: it sends a write, and the write is applied, refused or left without an answer."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.ledger_model.configuration import Configuration
from tests.ledger_model.protocol import Protocol
from tests.ledger_model.state import Message, State

type Follow = Callable[[State, bool | None], State]
"""What a process does after its write: True applied, False refused, None no answer."""

_NO_MORE_ATTEMPTS = frozenset({"settle", "replace", "release", "not_called", "release_sends", "over", "refused"})


class Label(NamedTuple):
    """A step for the reader of a trace: who does what, and how it ends."""

    who: str
    what: str | Message
    outcome: str = ""

    def __str__(self) -> str:
        """Return one line."""
        what = self.what if isinstance(self.what, str) else f"{self.what[0]}({', '.join(map(str, self.what[1]))})"
        return f"{self.who}: {what}{self.outcome and f' -> {self.outcome}'}"


type Step = tuple[Label, State]


class Steps:
    """What the processes share: one configuration, one protocol, and a network that loses answers."""

    def __init__(self, configuration: Configuration, protocol: type[Protocol] = Protocol) -> None:
        self.configuration = configuration
        self.protocol = protocol(configuration)

    def write(self, state: State, message: Message) -> tuple[State, bool]:
        """Apply a write, wherever it comes from."""
        name, arguments = message
        after: State
        after, was_applied = getattr(self.protocol, name)(state, *arguments)
        if name == "roll_period" and was_applied and state.key.period_end > state.clock:
            after = after._replace(violation="7: a period was rolled before its end")
        return after, was_applied

    def _send(self, who: str, state: State, message: Message, follow: Follow) -> Iterator[Step]:
        after, was_applied = self.write(state, message)
        outcome = "applied" if was_applied else "refused"
        yield Label(who, message, outcome), follow(after, was_applied)
        if state.faults:
            if was_applied:
                unclear = after._replace(faults=after.faults - 1)
                yield Label(who, message, "applied, answer lost"), follow(unclear, None)
            network = tuple(sorted((*state.network, message)))
            unclear = state._replace(faults=state.faults - 1, network=network)
            yield Label(who, message, "no answer, on its way"), follow(unclear, None)

    def _may_be_expired(self, state: State, index: int) -> bool:
        """Return whether 1,500 s may have passed: attempts are over, and no write that opens the call is on its way.

        Once true it stays so, and nothing but reconcile depends on it: it needs no place in the state.
        """
        return state.calls[index].phase in _NO_MORE_ATTEMPTS and not any(
            name in {"reserve", "put_open"} and arguments[0] == index for name, arguments in state.network
        )
