"""Breadth first: every reachable state once, and the shortest trace to a state that breaks a promise."""

from typing import NamedTuple

from tests.ledger_model.configuration import Configuration
from tests.ledger_model.model import Model
from tests.ledger_model.promises import Promises
from tests.ledger_model.protocol import Protocol
from tests.ledger_model.state import State
from tests.ledger_model.steps import Label


class Exploration(NamedTuple):
    """The result.

    Attributes:
        states: visited, all of them if nothing is broken.
        transitions: between them.
        writes: the names of the writes with each way in which one ended.
        broken: the promise that a state breaks; empty if all states keep all.
        trace: the shortest way to that state.
    """

    states: int
    transitions: int
    writes: frozenset[tuple[str, str]]
    broken: str = ""
    trace: tuple[str, ...] = ()


def explore(
    configuration: Configuration, protocol: type[Protocol] = Protocol, model: type[Model] = Model
) -> Exploration:
    """Visit every reachable state, or stop at the first that breaks a promise."""
    machine = model(configuration, protocol)
    promises = Promises(machine)
    start = machine.initial()
    came_from: dict[State, tuple[State, Label] | None] = {start: None}
    writes: set[tuple[str, str]] = set()
    transitions = 0
    frontier = [start]
    while frontier:
        following = []
        for state in frontier:
            for label, after in machine.successors(state):
                transitions += 1
                if not isinstance(label.what, str):
                    writes.add((label.what[0], label.outcome))
                if after in came_from:
                    continue
                came_from[after] = (state, label)
                if broken := promises.broken(after):
                    found = Exploration(len(came_from), transitions, frozenset(writes), broken)
                    return found._replace(trace=_trace(came_from, after))
                following.append(after)
        frontier = following
    return Exploration(len(came_from), transitions, frozenset(writes))


def _trace(came_from: dict[State, tuple[State, Label] | None], state: State) -> tuple[str, ...]:
    labels = []
    while step := came_from[state]:
        state, label = step
        labels.append(str(label))
    return tuple(reversed(labels))
