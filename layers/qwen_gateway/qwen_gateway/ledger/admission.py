"""The admission of a call: `reserve`, `count_request` or `read_key`, repeated as docs/ledger.md allows."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from qwen_gateway.errors import CostUnbounded, GatewayError, KeyRefused, LedgerUnavailable
from qwen_gateway.ledger.dynamodb import ledger_unavailable
from qwen_gateway.ledger.key_snapshot import KeySnapshot
from qwen_gateway.ledger.key_writes import adopt, roll_period
from qwen_gateway.ledger.keys_table import KeysTable, WriteFailed, WriteUnclear, Written
from qwen_gateway.ledger.known_keys import KnownKeys
from qwen_gateway.ledger.refusals import Cause, Offer, find_cause, find_key_error, find_model_error
from qwen_gateway.ledger.reserve import Caller, Terms, count_request, hold_name, reserve

_MOST_FAILURES = 3
"""Sends with an unclear or failed answer."""
_MOST_REPLANS = 3
"""Further sends after `adopt`, `roll_period` or changed terms."""
_LONGEST_BACKOFF_S = 0.2
_LONGEST_SEND_S = 3.0
"""Both timeouts of the client that sends once: in less time nothing is sent again."""


class Admission(NamedTuple):
    """An admitted call.

    Attributes:
        snapshot: the key's item after the admission.
        now: the time of the admission in seconds since 1970.
        terms: what was assumed of a key with a hold; None for other keys.
        hold: the name of the hold; None without.
        amount: what it holds.
    """

    snapshot: KeySnapshot
    now: int
    terms: Terms | None = None
    hold: str | None = None
    amount: int = 0


class AdmissionRefused(Exception):
    """The call was not admitted.

    Args:
        error: for the client.
        snapshot: the item on which that was decided; None without one.
        now: the time of that decision in seconds since 1970.
        holds: the holds that sends of the call may have made or may make later, because the answer to one was unclear.
        amount: what each of them holds.
    """

    def __init__(
        self,
        error: GatewayError,
        snapshot: KeySnapshot | None,
        now: int,
        holds: tuple[str, ...] = (),
        amount: int = 0,
    ) -> None:
        super().__init__()
        self.error = error
        self.snapshot = snapshot
        self.now = now
        self.holds = holds
        self.amount = amount


class Plan(Protocol):
    """What a call costs at most, which depends on the settings of its key."""

    @property
    def needs_settings(self) -> bool:
        """Whether the choice of targets depends on the key, so that its settings have to be known."""
        ...

    def terms(self, snapshot: KeySnapshot | None) -> Terms:
        """Return the terms for a key with a hold, or for one that is not known; raise CostUnbounded without a bound."""
        ...

    def offer(self, terms: Terms | None) -> Offer:
        """Return what the call asks of the budget."""
        ...


class Admissions:
    """Admits the calls of an execution environment."""

    def __init__(
        self,
        table: KeysTable,
        known: KnownKeys,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._known = known
        self._clock = clock
        self._sleep = sleep

    def was_valid(self, token_hash: str) -> bool:
        """Return whether a token was accepted in this environment within ten minutes."""
        return self._known.was_valid(token_hash)

    def read_key(self, caller: Caller) -> KeySnapshot:
        """Authenticate by a read.

        Raises:
            KeyRefused: the token is not accepted.
            LedgerUnavailable: DynamoDB failed.
        """
        snapshot = self._table.read_key(caller.key_id)
        if error := find_key_error(snapshot, caller, int(self._clock())):
            raise error
        assert snapshot is not None  # noqa: S101 - without an item there is an error
        self._known.remember(snapshot, valid_hash=caller.token_hash)
        return snapshot

    def admit(
        self, caller: Caller, plan: Plan, seconds_left: Callable[[], float], read: KeySnapshot | None = None
    ) -> Admission:
        """Admit a call.

        Args:
            caller: who calls.
            plan: the amount to hold, by the settings of the key.
            seconds_left: returns the seconds until the deadline.
            read: the item, if this call has read it already.

        Raises:
            AdmissionRefused: it was not admitted.
        """
        sender = _Sender(self._table, self._known, caller, plan, self._clock)
        try:
            return self._admit(sender, plan, seconds_left, read)
        except (KeyRefused, LedgerUnavailable) as error:
            raise sender.refuse(error, None) from error

    def _admit(
        self, sender: "_Sender", plan: Plan, seconds_left: Callable[[], float], read: KeySnapshot | None
    ) -> Admission:
        """Send until the call is admitted. `current` is an item that DynamoDB returned to this call."""
        current = read
        assumed = read or self._known.find(sender.caller.key_id)
        result: Admission | KeySnapshot | None
        while True:
            if assumed is None and plan.needs_settings:
                assumed = current = self.read_key(sender.caller)
            try:
                if assumed is not None and assumed.form == "read":
                    current = current or self.read_key(sender.caller)
                    result = sender.admit_reader(current)
                else:
                    result = sender.send(assumed)
            except CostUnbounded as error:
                if current:
                    raise sender.refuse(error, current) from error
                # It is told to known keys only.
                assumed = current = self.read_key(sender.caller)
                continue
            if isinstance(result, Admission):
                return result
            if result:
                assumed = current = result
                continue
            if seconds_left() < _LONGEST_SEND_S:
                raise ledger_unavailable()
            self._sleep(random.random() * _LONGEST_BACKOFF_S)  # noqa: S311 - jitter


class _Sender:
    """The sends of one call, and what is known of each."""

    def __init__(
        self, table: KeysTable, known: KnownKeys, caller: Caller, plan: Plan, clock: Callable[[], float]
    ) -> None:
        self.caller = caller
        self._table = table
        self._known = known
        self._plan = plan
        self._clock = clock
        self._now = int(clock())
        self._terms: Terms | None = None
        self._sends: list[int] = []
        self._needs_new_send = True
        self._is_unclear = False
        """Whether a `reserve` of this call may have been applied, or may be later."""
        self._failures = 0
        self._replans = 0

    def refuse(self, error: GatewayError, snapshot: KeySnapshot | None) -> AdmissionRefused:
        """Return the end of a call that is not admitted."""
        holds = tuple(hold_name(self.caller.ulid, n) for n in self._sends) if self._is_unclear else ()
        return AdmissionRefused(error, snapshot, self._now, holds, self._terms.amount if self._terms else 0)

    def admit_reader(self, snapshot: KeySnapshot) -> Admission | KeySnapshot:
        """Admit a call of a key without limits by the item that this call got; else return the item for a new plan."""
        self._now = int(self._clock())
        if self._is_unclear and snapshot.form == "read":
            raise self.refuse(ledger_unavailable(), snapshot)
        if not snapshot.is_adopted:
            return self._follow(Cause.NOT_ADOPTED, snapshot)
        if snapshot.form != "read":
            return self._follow(Cause.TERMS_CHANGED, snapshot)
        if error := find_model_error(snapshot, self.caller):
            raise self.refuse(error, snapshot)
        return Admission(snapshot, self._now)

    def send(self, assumed: KeySnapshot | None) -> Admission | KeySnapshot | None:
        """Send `reserve` or `count_request`.

        Returns:
            the admission; the item for a new plan; or None if the answer was unclear or the write failed.

        Raises:
            AdmissionRefused: the call is refused.
            CostUnbounded: no target has a bound, which the key needs.
            LedgerUnavailable: this was the last send.
        """
        counts = assumed is not None and assumed.form == "count" and not self._is_unclear
        terms = None if counts else self._choose_terms(assumed)
        self._now = int(self._clock())
        try:
            if terms is None:
                update = count_request(self.caller, self._now)
            else:
                if self._needs_new_send:
                    self._sends.append(len(self._sends))
                    self._needs_new_send = False
                update = reserve(self.caller, terms, self._sends, self._now)
            written = self._table.write_once(self.caller.key_id, update)
        except (WriteFailed, WriteUnclear) as failure:
            self._record_failure(terms, is_unclear=isinstance(failure, WriteUnclear))
            return None
        return self._judge(written, terms)

    def _choose_terms(self, assumed: KeySnapshot | None) -> Terms:
        # After an unclear send they stay, because it is not known which of the sends will be found in the item.
        if self._terms is None or not self._is_unclear:
            self._terms = self._plan.terms(assumed)
        return self._terms

    def _record_failure(self, terms: Terms | None, *, is_unclear: bool) -> None:
        if is_unclear and terms is not None:
            self._is_unclear = self._needs_new_send = True
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise ledger_unavailable()

    def _judge(self, written: Written, terms: Terms | None) -> Admission | KeySnapshot:
        item = written.item
        if item:
            self._known.remember(item, valid_hash=self.caller.token_hash if written.applied else None)
            if terms is None and written.applied:
                return Admission(item, self._now)
            for n in self._sends:
                if terms is not None and (hold := hold_name(self.caller.ulid, n)) in item.holds:
                    return Admission(item, self._now, terms, hold, item.holds[hold])
        met = item is not None and (item.form == "count" if terms is None else terms.are_met_by(item))
        cause = find_cause(item, self.caller, self._now, self._plan.offer(terms), terms_met=met)
        if isinstance(cause, GatewayError) or item is None:
            raise self.refuse(cause if isinstance(cause, GatewayError) else ledger_unavailable(), item)
        return self._follow(cause, item)

    def _follow(self, cause: Cause, item: KeySnapshot) -> KeySnapshot:
        """Remove a cause that does not end the call, and return the item for the next send."""
        self._replans += 1
        if self._replans > _MOST_REPLANS or (cause is Cause.TERMS_CHANGED and self._is_unclear):
            raise self.refuse(ledger_unavailable(), item)
        if cause is Cause.TERMS_CHANGED:
            return item
        update = adopt() if cause is Cause.NOT_ADOPTED else roll_period(item.period or "total", self._now)
        written = self._table.write(item.id, update)
        if written.item is None:
            raise self.refuse(ledger_unavailable(), item)
        self._known.remember(written.item)
        return written.item
