"""`qwen-gateway usage`: what was used, by whom, and what it cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from qwen_gateway.ledger.usage_items import UsageItems
from qwen_gateway_cli.aws_costs import load_prices
from qwen_gateway_cli.console import create_progress, note, refuse, show_json, write_file
from qwen_gateway_cli.date_range import DateRange, FromOption, ToOption, parse_date_range
from qwen_gateway_cli.key_names import KeyOption, find_keys
from qwen_gateway_cli.stack import JsonOption, StackOption, require_stack
from qwen_gateway_cli.usage.figures import Aws, build_json, format_csv
from qwen_gateway_cli.usage.focus import format_focus
from qwen_gateway_cli.usage.rebuild import find_oldest_day, rebuild
from qwen_gateway_cli.usage.report import (
    FROM_RECORDS,
    By,
    KeyDays,
    Report,
    build_report,
    build_report_from_records,
    read_keys,
)
from qwen_gateway_cli.usage.reprice import reprice
from qwen_gateway_cli.usage.restore import restore
from qwen_gateway_cli.usage.terminal import show_report

app = typer.Typer(help="Show what was used, by whom, and what it cost.", invoke_without_command=True)
for command in (rebuild, reprice, restore):
    app.command()(command)

_STDOUT = Path("-")


@app.callback()
def usage(  # noqa: PLR0913, PLR0917 - the options of the command
    context: typer.Context,
    by: Annotated[
        By,
        typer.Option(
            metavar="key|model|provider|day|end-user|tag",
            help="What the lines are. End users and tags are read from every record of the days.",
        ),
    ] = By.MODEL,
    first: FromOption = None,
    last: ToOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE|-", help="Write CSV into this file; -: print it.")] = None,
    focus: Annotated[
        Path | None,
        typer.Option(metavar="FILE|-", help="Write the columns of FOCUS 1.2 into this file as CSV; -: print it."),
    ] = None,
    stack: StackOption = None,
) -> None:
    """Show what was used, by whom, and what it cost.

    Costs are exact, with refunds and corrected prices. Percentiles of latency are right within 10 per cent. What AWS
    charges for the calls is estimated from their number and duration.
    """
    if context.invoked_subcommand:
        return
    printed = [as_json, csv == _STDOUT, focus == _STDOUT]
    if sum(printed) > 1:
        refuse("--json, --csv - and --focus - each print a result. Choose one, or name a file: --csv FILE")
    dates = parse_date_range(first, last)
    gateway = require_stack(stack)
    if by in FROM_RECORDS and dates.first < (oldest := find_oldest_day(gateway)):
        note(f"Records before {oldest} have expired. The sums by key, model, provider and day still have them.")
    items = UsageItems(gateway.clients.dynamodb, gateway.usage_table)
    keys = find_keys(gateway, key)
    days = _read_days(items, keys, dates) if by not in FROM_RECORDS or focus else []
    report = _read_records(items, list(keys), dates, by) if by in FROM_RECORDS else build_report(dates, by, days)
    _output(report, days, Aws(load_prices(), gateway.memory_mb, gateway.architecture), as_json, csv, focus)


def _read_days(items: UsageItems, keys: Mapping[str, str], dates: DateRange) -> list[KeyDays]:
    with create_progress() as progress:
        return list(progress.track(read_keys(items, keys, dates), len(keys), description="keys"))


def _read_records(items: UsageItems, keys: Sequence[str], dates: DateRange, by: By) -> Report:
    with create_progress() as progress:
        task = progress.add_task("records", total=None)
        return build_report_from_records(items, keys, dates, by, lambda: progress.advance(task))


def _output(  # noqa: PLR0913, PLR0917 - a form each
    report: Report, days: Sequence[KeyDays], aws: Aws, as_json: bool, csv: Path | None, focus: Path | None
) -> None:
    for path, text in ((csv, format_csv(report, aws)), (focus, format_focus(days))):
        if path == _STDOUT:
            typer.echo(text, nl=False)
        elif path:
            write_file(path, text)
    if as_json:
        show_json(build_json(report, aws))
    elif _STDOUT not in {csv, focus}:
        show_report(report, aws)
