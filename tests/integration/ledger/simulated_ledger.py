"""The real ledger on tables of moto, with one key, simulated processes and a clock that tests move."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from qwen_gateway import ulid
from qwen_gateway.errors import LedgerUnavailable
from qwen_gateway.ledger import (
    AdmissionRefused,
    Admissions,
    Alert,
    Caller,
    KeysTable,
    KnownKeys,
    Settlements,
    UsageLedger,
    UsageRecord,
    token,
)
from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway.ledger.key_errors import KeyAdministrationError
from qwen_gateway.ledger.key_limits import KeyLimits
from qwen_gateway.ledger.reconcile import Reconcile, Tables
from qwen_gateway.ledger.refunds import Refunds
from tests.builders import KEY_ID, old_key_item, usage_record
from tests.builders import token as new_token
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.flaky_client import FlakyClient, ProcessKilled, client_error, ignore_refusal
from tests.integration.ledger.promises import Exposure, Promises, check_refusal, is_final
from tests.integration.ledger.simulated_call import SimulatedCall, SimulatedPlan

MIDNIGHT = 1_790_035_200
LONGEST_FUNCTION_S = 900
"""The longest timeout of a function: no attempt starts later."""
LONGEST_ON_ITS_WAY_S = 300
"""A record's write that is on its way for longer is not applied any more."""
RECONCILE_EVERY_S = 1_800
"""Its real schedule is five minutes."""
RETENTION_DAYS = 400
THROTTLED = client_error("ThrottlingException")
_ONLY_WITH_RETRIES = {"repeated", "late duplicate"}
_OPERATOR_ERRORS = (ClientError, BotoCoreError, KeyAdministrationError, ProcessKilled)


class SimulatedLedger:
    """One key, its operator, the calls that are open, and reconcile. Every write is followed by a check."""

    def __init__(self, aws: Aws, limits: KeyLimits | None) -> None:
        self._aws = aws
        self.now: float = MIDNIGHT - 1_000
        self.calls: list[SimulatedCall] = []
        """The calls whose process runs."""
        self.reached: dict[str, SimulatedCall] = {}
        """The calls that reached a provider."""
        self._admitted: list[SimulatedCall] = []
        self._busy: list[SimulatedCall | None] = []
        self._refused: set[str] = set()
        self._started = 0
        self._last_reconcile: float = self.now
        self._client = FlakyClient(aws.dynamodb)
        self._once = FlakyClient(aws.dynamodb)
        self._once.late = self._client.late
        self._administration = KeyAdministration(cast("Any", self._client), aws.keys_table)
        self._tokens, key_id = self._create_key(limits)
        self.promises = Promises(aws, key_id)
        self._client.after = self._once.after = self.check
        table = KeysTable(cast("Any", self._client), cast("Any", self._once), aws.keys_table)
        self._table, self._known = table, KnownKeys(lambda: self.now)
        self._settlements = Settlements(table, UsageLedger(cast("Any", self._client), aws.usage_table, RETENTION_DAYS))

    @property
    def id(self) -> str:
        """The key's id."""
        return str(self.promises.key["id"])

    @property
    def late(self) -> int:
        """The number of writes on their way."""
        return len(self._client.late)

    def check(self) -> None:
        """Check the promises."""
        exposures = [Exposure(call.ulid, call.owed) for call in self._admitted if call.admission.amount and call.owed]
        self.promises.check(self.now, exposures, self._refused)

    def start(self, plan: SimulatedPlan, skew: int, faults: Iterable[Any] = ()) -> None:
        """Let a process with a clock that is `skew` seconds ahead admit a call."""
        self._started += 1
        # No two calls have the same time, so the order of their ULIDs is the same in each run.
        call_id = ulid.new(int(self.now + skew) * 1000 + self._started)
        caller = Caller(self.id, token.digest(self._tokens[-1]), call_id, "qwen-plus")
        admissions = Admissions(self._table, self._known, clock=lambda: self.now + skew, sleep=lambda _: None)
        with self._process(faults):
            try:
                admission = admissions.admit(caller, plan, lambda: 60)
            except AdmissionRefused as refused:
                self._refuse(caller, refused)
                return
            call = SimulatedCall(caller.ulid, self.now, skew, plan, admission)
            self._admitted.append(call)
            if admission.hold is None and not self._open(call):
                return
            self.calls.append(call)

    def attempt(self, call: SimulatedCall, charge: int | None, faults: Iterable[Any] = ()) -> None:
        """Call the provider, which charges `charge`, or answers nothing: then its bound is presumed."""
        is_alive = self.now - call.started < LONGEST_FUNCTION_S
        call.may_attempt = call.may_attempt and is_alive and self._cover(call, faults)
        if not call.may_attempt:
            return
        self.reached[call.ulid] = call
        call.owed = (call.presumed + 1) * call.bound
        self.check()
        call.attempts += 1
        call.presumed += charge is None
        call.owed = call.presumed * call.bound + min(charge or 0, call.bound)
        call.cost = call.presumed * call.bound + (charge or 0)
        call.may_attempt = charge is None

    def put_record(self, call: SimulatedCall, faults: Iterable[Any] = ()) -> None:
        """Write the final record of a call, which decides what it cost."""
        call.may_attempt = False
        state: Any = "settled" if call.attempts else "not_called"
        with self._process(faults, call):
            try:
                call.winner = self._settlements.put(call.admission, self._record(call, state=state, cost=call.cost))
            except LedgerUnavailable:
                self._forget(call)

    def release(self, call: SimulatedCall, faults: Iterable[Any] = ()) -> None:
        """End a call that has its record."""
        assert call.winner
        with self._process(faults, call), suppress(LedgerUnavailable):
            snapshot = self._settlements.release(call.admission, call.winner, 7, int(self.now + call.skew))
            if snapshot:
                self._settlements.claim_alert(snapshot)
        self._forget(call)

    def kill(self, call: SimulatedCall) -> None:
        """End the process of a call."""
        self._forget(call)

    def wait(self, seconds: float) -> None:
        """Let time pass. Reconcile runs as often as it has to."""
        self.now += seconds
        if seconds > LONGEST_ON_ITS_WAY_S:
            self._client.late[:] = [send for send in self._client.late if self._is_for_key(send)]
        if self.now - self._last_reconcile > RECONCILE_EVERY_S:
            self.reconcile(0)

    def deliver(self, index: int) -> None:
        """Apply a write that was on its way."""
        ignore_refusal(self._client.late.pop(index))
        self.check()

    def reconcile(self, skew: int, faults: Iterable[Any] = ()) -> None:
        """Run reconcile with a clock that is `skew` seconds ahead."""
        tables = Tables(self._aws.keys_table, self._aws.usage_table, RETENTION_DAYS, "USD")
        with self._process(faults):
            run = Reconcile(cast("Any", self._client), tables, self.now + skew, _Reporter())
            if not run.run().failed:
                self._last_reconcile = self.now

    def change(self, changes: Any, faults: Iterable[Any] = ()) -> None:
        """Change settings of the key."""
        self._operate(lambda: self._administration.set(self.id, changes, self.now), faults)

    def rotate(self, grace_s: int, faults: Iterable[Any] = ()) -> None:
        """Replace the token of the key."""
        self._operate(
            lambda: self._tokens.append(self._administration.rotate(self.id, grace_s, self.now).token), faults
        )

    def revoke(self, faults: Iterable[Any] = ()) -> None:
        """Revoke the key."""
        self._operate(lambda: self._administration.revoke(self.id), faults)

    def refund(self, call: str, faults: Iterable[Any] = ()) -> None:
        """Refund a call that has a record."""
        refunds = Refunds(cast("Any", self._client), self._aws.keys_table, self._aws.usage_table, RETENTION_DAYS)
        self._operate(lambda: refunds.refund(self.promises.records[call], self.now), faults)

    def interrupt(self) -> None:
        """Let another process act between two steps of this one: the oldest call ends, or a new one starts."""
        call = next((call for call in self.calls if call not in self._busy), None)
        if call is None:
            self.start(SimulatedPlan(1), 0)
            return
        if call.winner is None:
            self.put_record(call)
        if call.winner:
            self.release(call)

    def end(self) -> None:
        """Stop every process, apply what is on its way, let all holds expire, and check what reconcile leaves."""
        self.calls.clear()
        while self._client.late:
            self.deliver(0)
        for _ in range(2):
            self.now += RECONCILE_EVERY_S
            self.reconcile(0)
        self.check()
        records = self.promises.records
        assert not self.promises.key.get("holds"), "a hold is left"
        assert all(map(is_final, records.values())), "a record is open"
        assert self.reached.keys() <= records.keys(), "a call that reached a provider has no record"

    def _create_key(self, limits: KeyLimits | None) -> tuple[list[str], str]:
        """Create the key; without limits it is one from before the ledger."""
        if limits is None:
            text = new_token()
            self._aws.dynamodb.put_item(TableName=self._aws.keys_table, Item=old_key_item(text))
            return [text], KEY_ID
        issued = self._administration.create("tests", self.now, limits=limits)
        return [issued.token], issued.key.id

    def _open(self, call: SimulatedCall) -> bool:
        """Put the open record, as `AdmittedCall.open` does."""
        try:
            self._settlements.open(self._record(call, state="open", cost=None))
        except LedgerUnavailable:
            with suppress(LedgerUnavailable):
                self._settlements.put(call.admission, self._record(call, state="not_called", cost=0))
            return False
        return True

    def _cover(self, call: SimulatedCall, faults: Iterable[Any]) -> bool:
        """Hold what one more attempt may cost, as `AdmittedCall.before_attempt` does; false ends the call."""
        needed = (call.presumed + 1) * call.bound
        if needed <= call.admission.amount:
            return True
        raised = None
        with self._process(faults, call), suppress(LedgerUnavailable):
            raised = self._settlements.raise_hold(call.admission, needed)
        call.admission = raised or call.admission
        return raised is not None

    def _refuse(self, caller: Caller, refused: AdmissionRefused) -> None:
        """Check that the refusal is true, and release what the sends of the call may have held."""
        check_refusal(refused)
        if not refused.holds:
            self._refused.add(caller.ulid)
            self.check()
            return
        record = usage_record(
            id=caller.ulid, key_id=self.id, state="not_called", hold=refused.holds[-1], cost=0, created=int(self.now)
        )
        with suppress(LedgerUnavailable):
            self._settlements.release_unclear(record, refused.holds, refused.amount)

    def _record(self, call: SimulatedCall, **fields: Any) -> UsageRecord:
        created = int(call.started + call.skew)
        return usage_record(id=call.ulid, key_id=self.id, hold=call.admission.hold, created=created, **fields)

    def _operate(self, act: Callable[[], object], faults: Iterable[Any]) -> None:
        with self._process(faults), suppress(*_OPERATOR_ERRORS):
            act()

    @contextmanager
    def _process(self, faults: Iterable[Any], call: SimulatedCall | None = None) -> Iterator[None]:
        """Give the writes of a process their faults, and end its call if it is killed."""
        before = self._client.faults, self._once.faults
        ours = iter([self.interrupt if fault == "interrupt" else fault for fault in faults])
        self._client.faults = ours
        self._once.faults = (None if fault in _ONLY_WITH_RETRIES else fault for fault in ours)
        self._busy.append(call)
        try:
            yield
        except ProcessKilled:
            self._forget(call)
        finally:
            self._busy.pop()
            self._client.faults, self._once.faults = before

    def _forget(self, call: SimulatedCall | None) -> None:
        """Remove a call whose process has ended."""
        self.calls = [each for each in self.calls if each is not call]

    def _is_for_key(self, send: Callable[[], Any]) -> bool:
        return cast("partial", send).keywords.get("TableName") == self._aws.keys_table


class _Reporter:
    """Ignores what reconcile tells: failures are faults of the test."""

    def failed(self, key_id: str, failure: Exception) -> None:
        pass

    def alerted(self, key_id: str, alert: Alert) -> None:
        pass
