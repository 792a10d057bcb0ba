"""The state machine: where it starts, and every step that can follow a state."""

from collections.abc import Iterator

from tests.ledger_model.call_steps import CallSteps
from tests.ledger_model.operator_steps import OperatorSteps
from tests.ledger_model.reconcile_steps import ReconcileSteps
from tests.ledger_model.state import Call, Day, Key, Process, State
from tests.ledger_model.steps import Label, Step


class Model(CallSteps, ReconcileSteps, OperatorSteps):
    """Calls, reconcile, operators and the clock, in every order."""

    def initial(self) -> State:
        """Return the state in which both calls arrive."""
        configuration = self.configuration
        budget = configuration.budget or 0
        has_budget = configuration.budget is not None
        return State(
            key=Key(budget, has_budget, budget),
            records=(None,) * configuration.calls,
            day=Day(),
            calls=(Call("reserve", assumes_budget=has_budget),) * configuration.calls,
            reconciles=(Process(),) * configuration.reconciles,
            operators=(Process(),) * len(configuration.tasks),
            clock=0,
            network=(),
            faults=configuration.faults,
        )

    def successors(self, state: State) -> Iterator[Step]:
        """Yield every step that can follow, with its label."""
        for index in range(len(state.calls)):
            yield from self._call(state, index)
        for index in range(len(state.reconciles)):
            yield from self._reconcile(state, index)
        for index in range(len(state.operators)):
            yield from self._operator(state, index)
        yield from self._events(state)

    def _events(self, state: State) -> Iterator[Step]:
        if state.clock < self.configuration.periods:
            yield Label("clock", "the period ends"), state._replace(clock=state.clock + 1)
        for message in dict.fromkeys(state.network):
            network = list(state.network)
            network.remove(message)
            after, was_applied = self.write(state, message)
            outcome = "applied" if was_applied else "refused"
            yield Label("late", message, outcome), after._replace(network=tuple(network))
