"""`qwen-gateway requests list`: the requests of some days, by key, outcome and id; the slowest and the dearest."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from qwen_gateway.ledger.usage_items import UsageItems
from qwen_gateway_cli.amounts import format_amount
from qwen_gateway_cli.console import create_progress, create_result_console, fits, show, show_json
from qwen_gateway_cli.date_range import DateRange, parse_date_range
from qwen_gateway_cli.key_names import KeyOption, find_keys
from qwen_gateway_cli.stack import JsonOption, Stack, StackOption, require_stack
from qwen_gateway_cli.timestamps import format_utc

_FAILED = "failed"


class Order(StrEnum):
    """Which requests come first."""

    LATEST = "latest"
    SLOWEST = "slowest"
    DEAREST = "dearest"


def list_requests(  # noqa: PLR0913, PLR0917 - the options of the command
    key: KeyOption = None,
    outcome: Annotated[
        str | None,
        typer.Option(metavar="CODE|failed", help="Only this outcome: answered, an error's code, abandoned; or failed."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day (UTC). By default --to.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day (UTC). By default today.")] = None,
    order: Annotated[Order, typer.Option(metavar="latest|slowest|dearest", help="Which come first.")] = Order.LATEST,
    identifier: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Only those with this id of API Gateway or of a provider's request."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List requests. `requests show ID` has everything about one, with the provider's ids of its attempts.

    A client's x-request-id is the ID. Its x-amzn-requestid, or the id that a provider's support names, finds it with
    --id.
    """
    dates = parse_date_range(first or last or _today(), last)
    gateway = require_stack(stack)
    names = find_keys(gateway, key)
    found = (record for record in _read(gateway, names, dates) if _matches(record, outcome, identifier))
    records = heapq.nlargest(limit, found, key=_ORDERS[order])
    if as_json:
        show_json([_build_json(record, names) for record in records])
    elif records:
        _show(records, names)
    else:
        show(f"There were no such requests on {dates} (UTC).")


def _today() -> str:
    return parse_date_range(None, None).last


def _read(gateway: Stack, key_ids: Iterable[str], dates: DateRange) -> Iterator[dict[str, Any]]:
    items = UsageItems(gateway.clients.dynamodb, gateway.usage_table)
    with create_progress() as progress:
        for key_id in key_ids:
            records = items.records(key_id, dates.start_ms, dates.end_ms)
            yield from progress.track(records, description="reading records")


_ORDERS: Mapping[Order, Callable[[Mapping[str, Any]], Any]] = {
    Order.LATEST: lambda record: record["sk"],
    Order.SLOWEST: lambda record: record.get("latency_ms", -1),
    Order.DEAREST: lambda record: record.get("cost", -1),
}


def _matches(record: Mapping[str, Any], outcome: str | None, identifier: str | None) -> bool:
    is_wanted = (
        outcome is None or outcome == _outcome(record) or (outcome == _FAILED and _outcome(record) != "answered")
    )
    return is_wanted and (identifier is None or identifier in _ids(record))


def _outcome(record: Mapping[str, Any]) -> str:
    state = record.get("state")
    outcome: str = state if state in {"open", "abandoned"} else record.get("outcome", "-")
    return outcome


def _ids(record: Mapping[str, Any]) -> Iterator[str]:
    yield record.get("api_request_id", "")
    for attempt in record.get("attempts", ()):
        yield attempt.get("provider_request_id", "")


def _build_json(record: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    key_id = record["pk"].removeprefix("KEY#")
    request = f"req_{record['sk'].removeprefix('USE#')}"
    others = {name: value for name, value in record.items() if name not in {"pk", "sk", "outcome"}}
    return {"request": request, "key": key_id, "key_name": names[key_id], "outcome": _outcome(record)} | others


def _show(records: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    console = create_result_console()
    rows = [_build_cells(record, names) for record in records]
    table = Table("REQUEST", "TIME", "KEY", "MODEL", "OUTCOME", "MS", "COST", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    if fits(console, table):
        console.print(table)
        return
    for request, time, key, model, outcome, latency, cost in rows:
        for line in (request, f"  {time} {key}", f"  {model} {outcome}", f"  {latency} ms, {cost}"):
            console.print(Text(line, overflow="fold"))


def _build_cells(record: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    cost = f"{format_amount(record['cost'])} {record.get('cost_currency', '')}" if "cost" in record else "not known"
    return [
        f"req_{record['sk'].removeprefix('USE#')}",
        format_utc(record["created"]),
        names[record["pk"].removeprefix("KEY#")],
        record.get("model_used") or record.get("model_asked", "-"),
        _outcome(record),
        str(record.get("latency_ms", "-")),
        cost,
    ]
