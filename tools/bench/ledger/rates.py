"""Calls a second: on one key, and over many keys on one table, beside the emulator's own rate of bare writes."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

from qwen_gateway.ledger import AdmissionRefused
from tools.bench.ledger.calls import LedgerCalls, create_client
from tools.bench.ledger.counts import size, units
from tools.bench.ledger.emulation import KEYS, Emulation

WRITES_A_CALL = 3
"""`reserve`, the record and `release`."""
_BOUND = 1_234_567_891
"""Pico-units: a tenth of a cent."""
_BUDGET = 10**18
_SENDERS = 8
"""Threads that keep two processors busy."""
_MOST_HOLDS = 300
_PROVIDER_S = 1.0
"""Seconds of a provider's call over many keys, each of which has one call at a time."""


class Lengths(NamedTuple):
    """Seconds of each measurement."""

    bare_s: float = 3
    one_key_s: float = 6
    held_s: float = 30
    keys_s: float = 6


class OneKey(NamedTuple):
    """Calls a second on one key; `limit_per_s` is that of its open calls, None without. The rest is at the end."""

    provider_s: float
    calls_per_s: float
    limit_per_s: float | None
    holds: int
    item_bytes: int
    units_a_write: int


class ManyKeys(NamedTuple):
    """Calls a second over so many keys, and those that were offered: one at a time for each key, each of 1 s."""

    keys: int
    offered_per_s: float
    calls_per_s: float


class Rates(NamedTuple):
    """All rates of one run. `bare_per_s` are writes of nothing but a number, before and after each measurement."""

    bare_per_s: list[float]
    one_key: list[OneKey]
    many_keys: list[ManyKeys]

    @property
    def bare(self) -> float:
        """The emulator's rate of bare writes."""
        return median(self.bare_per_s)

    def as_json(self) -> dict[str, Any]:
        """Return the rates for a program."""
        return {
            "bare_writes_per_s": [round(rate, 1) for rate in self.bare_per_s],
            "one_key": [{**each._asdict(), "calls_per_s": round(each.calls_per_s, 1)} for each in self.one_key],
            "many_keys": [{**each._asdict(), "calls_per_s": round(each.calls_per_s, 1)} for each in self.many_keys],
        }


def measure_rates(emulation: Emulation, keys: Sequence[int], lengths: Lengths) -> Rates:
    """Measure every rate, with the bare one between them, so that a disturbance of the machine shows in it."""
    bare = [_measure_bare(emulation, lengths.bare_s)]
    one_key: list[OneKey] = []
    many_keys: list[ManyKeys] = []
    for provider_s, seconds in ((0.0, lengths.one_key_s), (lengths.held_s / 3, lengths.held_s)):
        one_key.append(_measure_one_key(emulation, provider_s, seconds))
        bare.append(_measure_bare(emulation, lengths.bare_s))
    for count in keys:
        many_keys.append(_measure_many_keys(emulation, count, lengths.keys_s))
        bare.append(_measure_bare(emulation, lengths.bare_s))
    return Rates(bare, one_key, many_keys)


def _measure_bare(emulation: Emulation, seconds: float) -> float:
    """Return the UpdateItems a second that the emulator and its client can do, without condition and ledger."""
    client = create_client(emulation.endpoint, _SENDERS, attempts=1)
    tokens = [emulation.create_key(time.time()).key.id for _ in range(_SENDERS)]

    def write(sender: int) -> None:
        client.update_item(
            TableName=KEYS,
            Key={"id": {"S": tokens[sender]}},
            UpdateExpression="SET #spent = #spent + :one",
            ExpressionAttributeNames={"#spent": "spent"},
            ExpressionAttributeValues={":one": {"N": "0"}},
        )

    return _repeat(write, _SENDERS, seconds, provider_s=0)


def _measure_one_key(emulation: Emulation, provider_s: float, seconds: float) -> OneKey:
    """Measure calls on one key with as many open calls as it may have, or as keep the machine busy."""
    at_once = _MOST_HOLDS if provider_s else _SENDERS
    issued = emulation.create_key(time.time(), budget=_BUDGET, concurrency=_MOST_HOLDS)
    ledger = LedgerCalls(emulation.endpoint, _BOUND, connections=at_once)
    seen: list[Any] = []

    def look() -> None:
        seen.append(emulation.dynamodb.get_item(TableName=KEYS, Key={"id": {"S": issued.key.id}})["Item"])

    rate = _repeat(lambda _: _call(ledger, issued.token, provider_s), at_once, seconds, provider_s, at_end=look)
    item_bytes = size(seen[0])
    return OneKey(
        provider_s,
        rate,
        at_once / provider_s if provider_s else None,
        len(seen[0]["holds"]["M"]),
        item_bytes,
        units(item_bytes),
    )


def _measure_many_keys(emulation: Emulation, count: int, seconds: float) -> ManyKeys:
    tokens = [emulation.create_key(time.time(), budget=_BUDGET).token for _ in range(count)]
    ledger = LedgerCalls(emulation.endpoint, _BOUND, connections=count)
    rate = _repeat(lambda key: _call(ledger, tokens[key], _PROVIDER_S), count, seconds, _PROVIDER_S)
    return ManyKeys(count, count / _PROVIDER_S, rate)


def _call(ledger: LedgerCalls, token: str, provider_s: float) -> None:
    try:
        admission = ledger.admit(token)
    except AdmissionRefused as refused:
        raise refused.error from refused
    time.sleep(provider_s)
    ledger.settle(admission, _BOUND // 2)


def _repeat(
    act: Callable[[int], object],
    senders: int,
    seconds: float,
    provider_s: float,
    at_end: Callable[[], object] = lambda: None,
) -> float:
    """Let each sender act again and again for `seconds`, and return the acts a second without those of the warm-up.

    The senders start at random within the first `provider_s`; the warm-up is twice as long.
    """
    ends: list[float] = []
    failures: list[BaseException] = []
    is_over = threading.Event()

    def send(sender: int) -> None:
        chance = random.Random(sender)  # noqa: S311
        is_over.wait(chance.uniform(0, provider_s))
        try:
            while not is_over.is_set():
                act(sender)
                ends.append(time.monotonic())
        except BaseException as failure:  # noqa: BLE001 - raised again below
            failures.append(failure)

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(senders)]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    warm, end = started + (2 * provider_s or seconds / 10), started + seconds
    time.sleep(seconds)
    at_end()
    is_over.set()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(warm <= moment < end for moment in ends) / (end - warm)
