"""`qwen-gateway usage restore`: put lost usage records in from an export of the log."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from qwen_gateway.ledger.days import start_of
from qwen_gateway.ledger.key_errors import KeyAdministrationError
from qwen_gateway.ledger.restores import Restores
from qwen_gateway_cli.console import note, refuse, show, show_json
from qwen_gateway_cli.stack import JsonOption, StackOption, require_stack
from qwen_gateway_cli.usage.lost_records import read_lost_records
from qwen_gateway_cli.usage.rebuild import find_oldest_day, rebuild_late_days


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An export of the log: JSON, CSV or lines, also gzip.")],
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put lost usage records in, once each, from an export of the chat function's log.

    It reads the lines `usage record lost`. A call that reconcile has closed at its whole hold meanwhile gets its true
    record, and its key gets back what it was charged too much. The days are summed anew.
    """
    records = read_lost_records(file)
    if not records:
        refuse(f"{file} has no line with a lost usage record.")
    gateway = require_stack(stack)
    restores = Restores(gateway.clients.dynamodb, gateway.keys_table, gateway.usage_table, gateway.usage_retention_days)
    oldest = start_of(find_oldest_day(gateway)) // 1000
    counts: Counter[str] = Counter()
    for record in records:
        try:
            counts[restores.restore(record) if record["created"] >= oldest else "expired"] += 1
        except KeyAdministrationError as error:
            counts["failed"] += 1
            note(f"req_{record['sk'].removeprefix('USE#')}: {error}")
    rebuild_late_days(gateway, {record["pk"].removeprefix("KEY#") for record in records})
    if as_json:
        show_json(counts)
    else:
        show(", ".join(f"{count} {_MEANINGS[result]}" for result, count in counts.items()) + ".")
    if counts["failed"]:
        refuse("Repeat the command for those that failed; what was done stays done.")


_MEANINGS = {
    "restored": "restored",
    "replaced": "put instead of what reconcile made of them",
    "exists": "there before",
    "refunded": "refunded before and left as they are",
    "expired": "too old to keep",
    "failed": "failed",
}
