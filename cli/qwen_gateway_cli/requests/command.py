"""`qwen-gateway requests`: what is known of the calls of clients."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from qwen_gateway.amounts import format_exactly
from qwen_gateway_cli.console import show, show_json, show_table
from qwen_gateway_cli.records import require_record
from qwen_gateway_cli.requests.cost_parts import find_cost_parts
from qwen_gateway_cli.requests.listing import list_requests
from qwen_gateway_cli.stack import JsonOption, StackOption, require_stack
from qwen_gateway_cli.timestamps import format_utc

app = typer.Typer(no_args_is_help=True, help="Show what is known of the calls of clients.")

_NOT_SHOWN = {"pk", "sk", "attempts", "expires_at", "cost", "created"}


app.command("list")(list_requests)


@app.command("show")
def show_request(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The x-request-id of the response.")],
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the record of a request: its outcome, tokens, attempts, and its cost with all parts."""
    gateway = require_stack(stack)
    record = require_record(gateway.clients.dynamodb, gateway.keys_table, gateway.usage_table, request_id)
    parts, remark = find_cost_parts(record)
    if as_json:
        show_json(record | {"cost_parts": [part._asdict() for part in parts]})
        return
    show_table(("FIELD", "VALUE"), _rows(record))
    if attempts := record.get("attempts"):
        show("")
        show_table(
            ("PROVIDER", "MODEL", "MS", "STATUS", "CHARGED", "CAUSE", "PROVIDER'S REQUEST ID"),
            [[_text(attempt.get(name)) for name in _ATTEMPT_COLUMNS] for attempt in attempts],
        )
    if parts:
        show("")
        show_table(("COST OF", "QUANTITY", "PRICE", "AMOUNT"), [_part_row(part) for part in parts])
    if remark:
        show(remark)


_ATTEMPT_COLUMNS = ("provider", "model", "latency_ms", "http_status", "charged", "cause", "provider_request_id")


def _rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    cost = f"{format_exactly(record['cost'])} {record['cost_currency']}" if "cost" in record else "not known"
    known = {
        "request": f"req_{record['sk'].removeprefix('USE#')}",
        "key": record["pk"].removeprefix("KEY#"),
        "time": format_utc(record["created"]),
        "cost": cost,
    }
    others = {name: value for name, value in record.items() if name not in _NOT_SHOWN}
    return [(name, _text(value)) for name, value in (known | others).items()]


def _part_row(part: Any) -> list[str]:
    return [part.kind, f"{part.quantity:,}", part.price, part.amount]


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case dict():
            return ", ".join(f"{name}={text}" for name, text in value.items()) or "-"
    return str(value)
