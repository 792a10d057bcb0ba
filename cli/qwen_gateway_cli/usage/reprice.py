"""`qwen-gateway usage reprice`: correct what records cost after a price was corrected."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import typer

from qwen_gateway.amounts import format_exactly
from qwen_gateway.config import parse
from qwen_gateway.ledger.key_errors import KeyAdministrationError
from qwen_gateway.ledger.repricings import Repricing, Repricings
from qwen_gateway.ledger.usage_items import UsageItems
from qwen_gateway_cli.console import create_progress, note, refuse, show, show_json, show_table
from qwen_gateway_cli.date_range import DateRange, FromOption, ToOption, parse_date_range
from qwen_gateway_cli.key_names import KeyOption, find_keys
from qwen_gateway_cli.stack import JsonOption, Stack, StackOption, require_stack
from qwen_gateway_cli.usage.corrected_cost import CorrectedCosts, Skipped
from qwen_gateway_cli.usage.rebuild import find_oldest_day, rebuild_late_days


def reprice(  # noqa: PLR0913, PLR0917 - the options of the command
    first: FromOption = None,
    last: ToOption = None,
    key: KeyOption = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the corrections. Without it, they are only shown.")
    ] = False,
    adjust_budgets: Annotated[
        bool,
        typer.Option(
            "--adjust-budgets", help="Also charge or credit the budgets of the keys, in their current period."
        ),
    ] = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the cost of records anew, by the price lists of this repository for the time of each call.

    First without --apply: it shows what would change and why. A record keeps its cost; a correction is an entry of its
    own, which reports add. Records of refunded or unanswered calls, and presumed costs, stay as they are.
    """
    dates = parse_date_range(first, last)
    gateway = require_stack(stack)
    if dates.first < (oldest := find_oldest_day(gateway)):
        refuse(f"Records before {oldest} have expired or are about to. Begin with: --from {oldest}")
    found = _find(gateway, list(find_keys(gateway, key)), dates, adjusts_budget=adjust_budgets)
    written = _write(gateway, found.repricings) if apply else 0
    changes = _group(found.repricings)
    if as_json:
        show_json(_build_json(dates, changes, found, written))
    else:
        _show(dates, changes, found)
        _say_what_follows(found, written, applied=apply, adjust_budgets=adjust_budgets)
    if apply and written < len(found.repricings):
        refuse(f"{len(found.repricings) - written} corrections were not written. Repeat the command.")


class _Found(NamedTuple):
    """What was found in `read` records."""

    repricings: list[Repricing]
    skipped: Counter[str]
    read: int


class _Change(NamedTuple):
    """The corrections from one version of a price to another."""

    before: str
    after: str
    currency: str
    records: int
    amount: int
    charge: int


def _find(gateway: Stack, key_ids: list[str], dates: DateRange, *, adjusts_budget: bool) -> _Found:
    costs = CorrectedCosts(parse(gateway.gateway_config))
    repricings: list[Repricing] = []
    skipped: Counter[str] = Counter()
    read = 0
    with create_progress() as progress:
        records = progress.track(_read(gateway, key_ids, dates), description="reading records")
        for record in records:
            read += 1
            repricing = costs.find_repricing(record, adjusts_budget=adjusts_budget)
            if isinstance(repricing, Skipped):
                skipped[repricing.reason] += 1
            elif repricing:
                repricings.append(repricing)
    return _Found(repricings, skipped, read)


def _read(gateway: Stack, key_ids: list[str], dates: DateRange) -> Iterator[dict[str, Any]]:
    items = UsageItems(gateway.clients.dynamodb, gateway.usage_table)
    for key_id in key_ids:
        yield from items.records(key_id, dates.start_ms, dates.end_ms)


def _write(gateway: Stack, repricings: list[Repricing]) -> int:
    """Write corrections, sum their days anew, and return how many were written."""
    table = Repricings(gateway.clients.dynamodb, gateway.keys_table, gateway.usage_table)
    written = 0
    with create_progress() as progress:
        for repricing in progress.track(repricings, description="writing corrections"):
            try:
                written += table.write(repricing, time.time())
            except KeyAdministrationError as error:
                note(f"req_{repricing.ulid}: {error}")
    rebuild_late_days(gateway, {repricing.key_id for repricing in repricings})
    return written


def _group(repricings: list[Repricing]) -> list[_Change]:
    groups: dict[tuple[str, str, str], list[Repricing]] = {}
    for repricing in repricings:
        before = repricing.record.get("price") or repricing.record.get("unpriced", "-")
        groups.setdefault((before, repricing.price, repricing.currency), []).append(repricing)
    return [
        _Change(*names, len(group), sum(each.amount for each in group), sum(each.charge for each in group))
        for names, group in sorted(groups.items())
    ]


def _build_json(dates: DateRange, changes: list[_Change], found: _Found, written: int) -> Mapping[str, Any]:
    return {
        "from": dates.first,
        "to": dates.last,
        "records_read": found.read,
        "written": written,
        "changes": [
            change._asdict() | {"amount": format_exactly(change.amount), "charge": format_exactly(change.charge)}
            for change in changes
        ],
        "skipped": dict(found.skipped),
    }


def _show(dates: DateRange, changes: list[_Change], found: _Found) -> None:
    show(f"{found.read:,} records of {dates} (UTC).")
    if changes:
        rows = [
            (
                f"{change.records:,}",
                _sign(change.amount),
                _sign(change.charge),
                change.currency,
                f"{change.before} -> {change.after}",
            )
            for change in changes
        ]
        show_table(("RECORDS", "COSTS", "BUDGETS", "CURRENCY", "PRICE"), rows)
    for reason, count in found.skipped.most_common():
        show(f"Left as they are ({reason}): {count:,}.")


def _say_what_follows(found: _Found, written: int, *, applied: bool, adjust_budgets: bool) -> None:
    if not found.repricings:
        show("Every cost is right. There is nothing to correct.")
    elif applied:
        show(f"Wrote {written:,} corrections, and summed their days anew.")
    else:
        show("Nothing was written. To write it: the same command with --apply")
    if found.repricings and not adjust_budgets:
        show("Budgets stay as they are. To charge or credit them, too: --adjust-budgets")


def _sign(amount: int) -> str:
    return f"{'+' if amount > 0 else ''}{format_exactly(amount)}"
