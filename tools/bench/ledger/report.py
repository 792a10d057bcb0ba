"""What `make bench-ledger` measures, and its tables."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli.console import refuse, show, show_table
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.output import show_step
from tools.bench.ledger.burst import Burst, run_burst
from tools.bench.ledger.chaos import Chaos, run_chaos
from tools.bench.ledger.counts import PerCall
from tools.bench.ledger.emulation import KEYS, Emulation, run_emulation
from tools.bench.ledger.rates import WRITES_A_CALL, Lengths, Rates, measure_rates
from tools.bench.report import describe_run

KILLS = 1_000
CALLS_AT_ONCE = 1_000
KEY_COUNTS = (1, 10, 100, 1_000)
DYNAMODB_UNITS_PER_S = 1_000
"""Write units a second of one item: docs.aws.amazon.com/amazondynamodb/latest/developerguide/
bp-partition-key-design.html, 2026-11-27. That is AWS's figure, and no emulator has it."""
_BUDGET = 10**18
_CASES: Mapping[str, Mapping[str, Any]] = {
    "budget": {"budget": _BUDGET},
    "budget and tpm": {"budget": _BUDGET, "tpm": 10**9},
    "rpm": {"rpm": 10**6},
    "rpm and tpm": {"rpm": 10**6, "tpm": 10**9},
    "no limits": {},
    "refused: budget": {"budget": 1},
    "refused: rpm": {"rpm": 1},
    "refused: model": {"models": ("other",)},
}


class Measured(NamedTuple):
    """The results of one run."""

    per_call: Mapping[str, PerCall]
    rates: Rates
    burst: Burst
    chaos: Chaos

    def as_json(self) -> dict[str, Any]:
        """Return the results for a program."""
        return {
            **describe_run(),
            "not_aws": "DynamoDB is ministack, in one process of this machine, and Qwen is a mock",
            "per_call": {name: each._asdict() for name, each in self.per_call.items()},
            "rates": self.rates.as_json(),
            "dynamodb_units_per_s": DYNAMODB_UNITS_PER_S,
            "burst": self.burst.as_json(),
            "chaos": self.chaos.as_json(),
        }

    def print(self) -> None:
        """Print the results as tables."""
        show("\nRequests to AWS of one call of a known key")
        rows = [[name, *(f"{value:g}" for value in each)] for name, each in self.per_call.items()]
        show_table(["key", "status", "AWS calls", "writes", "write units"], rows)
        self._print_rates()
        burst, chaos = self.burst, self.chaos
        show(f"\n{burst.calls:,} calls at once on one budget, {burst.seconds:.1f} s")
        outcomes = [[name, f"{count:,}"] for name, count in sorted(burst.outcomes.items())]
        more = [["overspent", f"{burst.overspent:,}"], ["false refusals", f"{burst.false_refusals:,}"]]
        show_table(["outcome", "calls"], [*outcomes, *more, ["most open at once", f"{burst.most_holds:,}"]])
        show(f"\nRandom kills, faults of the provider and clocks 5 minutes apart, {chaos.seconds:.0f} s")
        facts = {**chaos.done._asdict(), "calls at the provider": chaos.calls, "requests to it": chaos.requests}
        facts |= {"operator's writes": chaos.operator_writes, "holds left by kills": chaos.holds_before}
        facts |= {f"records {state}": count for state, count in sorted(chaos.records.items())}
        rows = [[name.replace("_", " "), f"{count:,}"] for name, count in facts.items()]
        show_table(["", ""], [*rows, ["wrong after reconcile", f"{len(chaos.wrong):,}"]])

    def _print_rates(self) -> None:
        bare = self.rates.bare
        show(f"\nCalls a second; the emulator alone does {bare:.0f} bare writes a second, a call {WRITES_A_CALL}")
        columns = [
            "",
            "offered",
            "calls/s",
            "writes/s of bare",
            "open",
            "bytes",
            "units a write",
            "calls/s by AWS's limit",
        ]
        rows = []
        for one in self.rates.one_key:
            name, limit = (
                f"one key, provider {one.provider_s:g} s",
                f"{one.limit_per_s:.0f}" if one.limit_per_s else "all",
            )
            allowed = DYNAMODB_UNITS_PER_S / (2 * one.units_a_write)
            rest = [f"{one.holds}", f"{one.item_bytes:,}", f"{one.units_a_write}", f"{allowed:.0f}"]
            rows.append([name, limit, *_format_rate(one.calls_per_s, bare), *rest])
        for many in self.rates.many_keys:
            name, limit = f"{many.keys:,} keys, provider 1 s", f"{many.offered_per_s:g}"
            rows.append([name, limit, *_format_rate(many.calls_per_s, bare), "", "", "", ""])
        show_table(columns, rows)


def measure(layout: Layout) -> Measured:
    """Measure everything in one run. The command fails if the ledger broke a promise.

    Raises:
        CommandRefused: something was overspent, refused without reason, left over or counted wrong.
    """
    with run_emulation(layout) as emulation:
        with show_step("requests to AWS of one call"):
            per_call = count_requests(layout, emulation)
        with show_step("calls a second"):
            rates = measure_rates(emulation, KEY_COUNTS, Lengths())
        with show_step(f"{CALLS_AT_ONCE:,} calls at once"):
            burst = run_burst(emulation, CALLS_AT_ONCE)
    # Its own tables: it checks every item.
    with run_emulation(layout) as emulation, show_step(f"{KILLS:,} random kills"):
        chaos = run_chaos(layout, emulation, KILLS)
    _check(burst, chaos)
    return Measured(per_call, rates, burst, chaos)


def count_requests(layout: Layout, emulation: Emulation) -> dict[str, PerCall]:
    """Count what one call of each kind of key asks of AWS."""
    tokens = {name: emulation.create_key(time.time(), **limits).token for name, limits in _CASES.items()}
    revoked = emulation.create_key(time.time())
    KeyAdministration(emulation.dynamodb, KEYS).revoke(revoked.key.id)
    good = tokens["no limits"]
    tokens |= {"refused: revoked": revoked.token, "garbage": f"{good[:-1]}{'0' if good[-1] != '0' else '1'}"}
    completed = subprocess.run(
        [sys.executable, "-m", "tools.bench.ledger.counts"],
        env={**emulation.environment(), "PYTHONPATH": f"{layout.functions}:{layout.root}"},
        input=json.dumps(tokens) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: PerCall(**counts) for name, counts in json.loads(completed.stdout).items()}


def _check(burst: Burst, chaos: Chaos) -> None:
    if burst.overspent or burst.false_refusals:
        refuse(f"{burst.overspent} pico-units were overspent, and {burst.false_refusals} calls refused without reason.")
    if chaos.wrong or chaos.done.failed:
        refuse("\n".join(["After the kills the books do not balance.", *chaos.wrong[:20], f"{chaos.done}"]))


def _format_rate(calls_per_s: float, bare: float) -> Sequence[str]:
    return f"{calls_per_s:.1f}", f"{calls_per_s * WRITES_A_CALL / bare:.2f}"
