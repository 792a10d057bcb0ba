"""`python -m tests.ledger_model`: explore the protocol, and print the number of states of each scenario."""

import argparse
import sys
import time

from tests.ledger_model.exploration import explore
from tests.ledger_model.mutations import MUTATIONS
from tests.ledger_model.scenarios import SCENARIOS


def main() -> int:
    """Return 1 if a promise was broken, or a mutation was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.ledger_model", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--short", action="store_true", help="the short form, as in make test")
    choice.add_argument("--mutations", action="store_true", help="break the protocol, and print the shortest traces")
    arguments = parser.parse_args()
    failed = _print_mutations() if arguments.mutations else _print_scenarios(is_short=arguments.short)
    return int(failed)


def _print_scenarios(*, is_short: bool) -> bool:
    states = transitions = 0
    failed = False
    print(f"{'scenario':42}{'states':>10}{'transitions':>13}{'s':>7}")
    for scenario in SCENARIOS:
        start = time.monotonic()
        result = explore(scenario.short if is_short else scenario.whole)
        seconds = time.monotonic() - start
        print(f"{scenario.name:42}{result.states:10,}{result.transitions:13,}{seconds:7.1f}", flush=True)
        _print_trace(result.broken, result.trace)
        states, transitions = states + result.states, transitions + result.transitions
        failed = failed or bool(result.broken)
    print(f"{'all':42}{states:10,}{transitions:13,}")
    return failed


def _print_mutations() -> bool:
    failed = False
    for mutation in MUTATIONS:
        result = explore(mutation.configuration, mutation.protocol, mutation.model)
        print(f"{mutation.name}: {'caught' if result.broken else 'NOT CAUGHT'}, {result.states:,} states")
        _print_trace(result.broken, result.trace)
        failed = failed or not result.broken
    return failed


def _print_trace(broken: str, trace: tuple[str, ...]) -> None:
    for step in trace:
        print(f"    {step}")
    if broken:
        print(f"    broken promise {broken}")


if __name__ == "__main__":
    sys.exit(main())
