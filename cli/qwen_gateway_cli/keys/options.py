"""The options of `keys create` and `keys set` that set limits, and what they mean."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from qwen_gateway.ledger.key_limits import DEFAULT_CONCURRENCY
from qwen_gateway.ledger.key_snapshot import DEFAULT_MAX_OUTPUT, MOST_HOLDS
from qwen_gateway_cli.amounts import parse_amount
from qwen_gateway_cli.console import refuse

SECONDS_PER_DAY = 86_400
_MAX_EXPIRES_DAYS = 36_500
_MAX_COUNT = 10**12


class Period(StrEnum):
    """The period of a budget, in UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class OnLimit(StrEnum):
    """What happens at a limit."""

    REFUSE = "refuse"
    WARN = "warn"


BudgetOption = Annotated[
    str | None,
    typer.Option(
        metavar="AMOUNT", help="The most that calls may cost in a period, for example 1.50 (in [accounting])."
    ),
]
PeriodOption = Annotated[
    Period | None,
    typer.Option(metavar="day|month|total", help="The period of the budget, in UTC. total, the default, never ends."),
]
RpmOption = Annotated[int | None, typer.Option(min=1, max=_MAX_COUNT, help="Requests a minute.")]
TpmOption = Annotated[int | None, typer.Option(min=1, max=_MAX_COUNT, help="Tokens a minute, of answered calls.")]
ConcurrencyOption = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_HOLDS, help=f"Calls at once. With a budget, {DEFAULT_CONCURRENCY} if nothing else is set."
    ),
]
ModelsOption = Annotated[
    str | None, typer.Option(metavar="NAMES", help="The model names that the key may use, separated by commas.")
]
MaxOutputOption = Annotated[
    int | None,
    typer.Option(
        "--default-max-output",
        min=1,
        max=1_000_000,
        help="With a budget: output tokens of a request that sets no limit itself. "
        f"{DEFAULT_MAX_OUTPUT} if nothing else is set.",
    ),
]
OnLimitOption = Annotated[
    OnLimit | None,
    typer.Option(
        metavar="refuse|warn",
        help="warn: count budget, rpm, tpm and concurrency, and never refuse. refuse is the default.",
    ),
]
ExpiresOption = Annotated[
    int | None, typer.Option(min=1, max=_MAX_EXPIRES_DAYS, help="Days from now until the key expires.")
]


def parse_budget(text: str | None) -> int | None:
    """Return a budget in pico-units, or None without one."""
    if text is None:
        return None
    try:
        amount = parse_amount(text)
    except ValueError:
        amount = 0
    return amount or refuse(
        f"--budget {text[:64]!r} is not a budget. Write an amount above 0 and below 1,000,000,000, with at most 12 "
        "decimals, for example 1.50."
    )


def parse_models(text: str | None) -> tuple[str, ...] | None:
    """Return the model names of a list, each once, or None without one."""
    if text is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        refuse("--models has an empty name. Separate model names by commas, for example qwen-plus,qwen-flash.")
    return names


def find_unknown_models(models: Collection[str] | None, routes: Collection[str]) -> list[str]:
    """Return the names that no route has."""
    return [name for name in models or () if name not in routes]


def collect_changes(given: Mapping[str, Any], removed: Mapping[str, bool]) -> dict[str, Any]:
    """Return the changes by setting: those that are given, and None for those that are removed."""
    changes = {name: value for name, value in given.items() if value is not None}
    gone = [name for name, is_removed in removed.items() if is_removed]
    if both := [name for name in gone if name in changes]:
        option = both[0].replace("_", "-")
        refuse(f"--no-{option} removes what another option sets. Leave one of them out.")
    if not changes and not gone:
        refuse("Nothing is to be changed. `qwen-gateway keys set --help` lists the settings.")
    return changes | dict.fromkeys(gone)
