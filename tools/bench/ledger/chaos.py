"""Random kills, faults of the provider, and clocks apart; then the books have to balance to the pico-unit."""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S
from qwen_gateway.ledger.reconcile import Reconcile
from qwen_gateway_cli.local.layout import Layout
from tools.bench.ledger.emulation import KEYS, TABLES, USAGE, Emulation
from tools.bench.ledger.killer import Orders, Result, SilentReporter

SKEWS = (-300, 0, 300)
"""Seconds by which the clocks of the killers' processes are ahead."""
_DOLLAR = 10**12
_SMALL_BUDGET = _DOLLAR // 2_000
"""Covers a few calls, so that the key refuses some; the operator raises it all the time."""
_LIMITS: dict[str, dict[str, Any]] = {
    "budget": {"budget": 1_000 * _DOLLAR, "period": "day", "tpm": 10**9},
    "small budget": {"budget": _SMALL_BUDGET, "period": "total"},
    "concurrency": {"concurrency": 4},
    "counted": {"rpm": 10**6},
    "no limits": {},
}
_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "error", "status": 500},
    {"kind": "error", "status": 503},
    {"kind": "error", "status": 429},
    {"kind": "hang"},
    {"kind": "hang", "after_chunks": 1},
    {"kind": "disconnect"},
    {"kind": "disconnect", "after_chunks": 2},
    {"kind": "truncate", "after_chunks": 1},
    {"kind": "bad_json", "after_chunks": 1},
)
_FAULTS_AT_ONCE = 1
_PAUSE_S = 0.1


class Chaos(NamedTuple):
    """What happened, and what is wrong afterwards: an empty list if the books balance.

    `calls` reached the provider, `requests` are what it received of them. `records` are counted by their state.
    """

    seconds: float
    done: Result
    calls: int
    requests: int
    operator_writes: int
    records: dict[str, int]
    holds_before: int
    """Holds that the killed processes left behind."""
    wrong: list[str]

    @property
    def kills(self) -> int:
        """The processes that were killed while they ran."""
        return self.done.functions_killed + self.done.reconciles_killed

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return self._asdict() | {"seconds": round(self.seconds, 1), "done": self.done._asdict()}


def run_chaos(layout: Layout, emulation: Emulation, kills: int) -> Chaos:
    """Kill so many processes, run reconcile when everything has expired, and check both tables."""
    started = time.monotonic()
    issued = {name: emulation.create_key(time.time(), **limits) for name, limits in _LIMITS.items()}
    tokens = tuple(key.token for key in issued.values())
    orders = [Orders(skew, -(-kills // len(SKEWS)), tokens, seed) for seed, skew in enumerate(SKEWS)]
    with _disturb(emulation, issued["small budget"].key.id) as writes:
        results = _run_killers(layout, emulation, orders)
    wrong = _find_wrong_sums(emulation, "before reconcile")
    holds = sum(len(key["holds"]) for key in emulation.scan(KEYS))
    for _ in range(2):
        later = time.time() + HOLD_LIFETIME_S + max(SKEWS) + 1
        Reconcile(emulation.dynamodb, TABLES, later, SilentReporter()).run()
    requests = [call["body"]["user"] for call in emulation.provider.calls()]
    records = _read_records(emulation)
    return Chaos(
        seconds=time.monotonic() - started,
        done=Result(*map(sum, zip(*results, strict=True))),
        calls=len(set(requests)),
        requests=len(requests),
        operator_writes=len(writes),
        records=dict(Counter(record["state"] for record in records)),
        holds_before=holds,
        wrong=wrong + find_wrong(emulation),
    )


def _run_killers(layout: Layout, emulation: Emulation, orders: Sequence[Orders]) -> list[Result]:
    environment = {**emulation.environment(), "PYTHONPATH": f"{layout.functions}:{layout.root}"}
    killers = [
        subprocess.Popen(
            [sys.executable, "-m", "tools.bench.ledger.killer"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in orders
    ]
    for killer, order in zip(killers, orders, strict=True):
        assert killer.stdin  # noqa: S101 - it is a pipe
        killer.stdin.write(json.dumps(order._asdict()) + "\n")
        killer.stdin.close()
        killer.stdin = None
    return [Result(**json.loads(killer.communicate()[0])) for killer in killers]


@contextmanager
def _disturb(emulation: Emulation, key_id: str) -> Iterator[list[int]]:
    """Let the provider fail at random, and let the operator raise a budget, until the end of the block.

    Yields the operator's writes.
    """
    is_over = threading.Event()
    budgets: list[int] = []
    administration = KeyAdministration(emulation.dynamodb, KEYS)
    chance = random.Random(0)  # noqa: S311

    def disturb() -> None:
        while not is_over.wait(_PAUSE_S):
            faults = [chance.choice(_FAULTS) for _ in range(_FAULTS_AT_ONCE)]
            emulation.provider.control({"faults": faults, "latency_ms": chance.choice((0, 0, 20))})
            budgets.append(_SMALL_BUDGET * (len(budgets) + 2))
            administration.set(key_id, {"budget": budgets[-1]}, time.time())

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield budgets
    finally:
        is_over.set()
        thread.join()


def _find_wrong_sums(emulation: Emulation, when: str) -> list[str]:
    return [
        f"{when}: the key {key['id']} breaks budget = remaining + holds + spent: {key}"
        for key in emulation.scan(KEYS)
        if key.get("budget", 0) != key["remaining"] + sum(key["holds"].values()) + key["spent"]
    ]


def find_wrong(emulation: Emulation) -> list[str]:
    """Return what is wrong in both tables when nothing runs any more and reconcile has closed what was left."""
    wrong = _find_wrong_sums(emulation, "after reconcile")
    records = _read_records(emulation)
    charged = Counter[str]()
    for record in records:
        charged[record["pk"].removeprefix("KEY#")] += record.get("cost", 0) if "hold" in record else 0
    for key in emulation.scan(KEYS):
        if key["holds"]:
            wrong.append(f"the key {key['id']} has holds: {key['holds']}")
        if key["spent"] + key["total"] != charged[key["id"]]:
            wrong.append(f"the key {key['id']} has spent {key['spent']} + {key['total']}, not {charged[key['id']]}")
    counts = Counter(record["sk"].removeprefix("USE#") for record in records)
    reached = {call["body"]["user"] for call in emulation.provider.calls()}
    wrong += [f"{call} reached the provider and has {counts[call]} records" for call in reached if counts[call] != 1]
    wrong += [f"the record {record['sk']} is open" for record in records if record["state"] == "open"]
    return wrong + _find_wrong_days(emulation, records)


def _find_wrong_days(emulation: Emulation, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys whose rows of days do not have each record once: all are below the watermark by now."""
    found, expected = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for record in records:
        expected[record["pk"], "requests"] += 1
        expected[record["pk"], "cost"] += record.get("cost", 0)
    for row in (item for item in emulation.scan(USAGE) if item["sk"].startswith("DAY#")):
        for model in row["models"]:
            found[row["pk"], "requests"] += sum(model.get("requests", {}).values())
            found[row["pk"], "cost"] += sum(model.get("cost", {}).values())
    return [
        f"the days of {key} have {found[key]}, not {expected[key]}" for key in expected if found[key] != expected[key]
    ]


def _read_records(emulation: Emulation) -> list[dict[str, Any]]:
    return [item for item in emulation.scan(USAGE) if item["sk"].startswith("USE#")]
