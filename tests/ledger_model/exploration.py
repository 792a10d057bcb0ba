"""Breadth first: every reachable state once, and the shortest trace to a state that breaks a promise."""

from typing import NamedTuple

from tests.ledger_model.configuration import Configuration
from tests.ledger_model.model import Label, Model
from tests.ledger_model.promises import Promises
from tests.ledger_model.protocol import Protocol
from tests.ledger_model.state import State


class Exploration(NamedTuple):
    """The result: `broken` is empty if every state keeps the promises, else `trace` leads to the state that does not."""

    states: int
    transitions: int
    broken: str
    trace: tuple[str, ...]


def explore(configuration: Configuration, protocol: type[Protocol] = Protocol, model: type[Model] = Model) -> Exploration:
    """Visit every reachable state."""
    machine = model(configuration, protocol)
    promises = Promises(machine)
    start = machine.initial()
    came_from: dict[State, tuple[State, Label] | None] = {start: None}
    frontier = [start]
    transitions = 0
    while frontier:
        following = []
        for state in frontier:
            for label, after in machine.successors(state):
                transitions += 1
                if after in came_from:
                    continue
                came_from[after] = (state, label)
                if broken := promises.broken(after):
                    return Exploration(len(came_from), transitions, broken, _trace(came_from, after))
                following.append(after)
        frontier = following
    return Exploration(len(came_from), transitions, "", ())


def _trace(came_from: dict[State, tuple[State, Label] | None], state: State) -> tuple[str, ...]:
    labels = []
    while step := came_from[state]:
        state, label = step
        labels.append(str(label))
    return tuple(reversed(labels))
