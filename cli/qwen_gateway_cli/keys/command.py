"""`qwen-gateway keys`: create, list, show, change, rotate and revoke API keys, and refund their requests."""

import time
from typing import Annotated, Any, cast

import typer

from qwen_gateway.amounts import format_exactly
from qwen_gateway.config import parse
from qwen_gateway.ledger.administration import IssuedKey, KeyAdministration
from qwen_gateway.ledger.key_changes import KeyChanges
from qwen_gateway.ledger.key_limits import KeyLimits
from qwen_gateway.ledger.refunds import Refunds
from qwen_gateway.routing import Routes
from qwen_gateway_cli.console import note, refuse, show, show_json, show_table
from qwen_gateway_cli.keys.display import build_json, build_json_with_counters, build_row, build_rows
from qwen_gateway_cli.keys.options import (
    SECONDS_PER_DAY,
    BudgetOption,
    ConcurrencyOption,
    ExpiresOption,
    MaxOutputOption,
    ModelsOption,
    OnLimitOption,
    Period,
    PeriodOption,
    RpmOption,
    TpmOption,
    collect_changes,
    find_unknown_models,
    parse_budget,
    parse_models,
)
from qwen_gateway_cli.records import require_record
from qwen_gateway_cli.stack import JsonOption, Stack, StackOption, require_stack
from qwen_gateway_cli.timestamps import format_optional_utc

app = typer.Typer(no_args_is_help=True, help="Manage the API keys of the gateway's clients.")

_SECONDS_PER_HOUR = 3_600
_MAX_NAME_LENGTH = 128


KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's ID from `keys list`.")]


@app.command()
def create(  # noqa: PLR0913, PLR0917 - an option each
    name: Annotated[str, typer.Option(help="The person or program that uses the key.")],
    budget: BudgetOption = None,
    period: PeriodOption = None,
    rpm: RpmOption = None,
    tpm: TpmOption = None,
    concurrency: ConcurrencyOption = None,
    models: ModelsOption = None,
    default_max_output: MaxOutputOption = None,
    on_limit: OnLimitOption = None,
    expires_days: ExpiresOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key. Its token is shown only once. Without options it has no limits and does not expire."""
    if not name.strip() or len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        refuse(f"A name must have 1 to {_MAX_NAME_LENGTH} printable characters.")
    given = _read_limits(budget, period, rpm, tpm, concurrency, models, default_max_output, on_limit)
    limits = KeyLimits(**{field: value for field, value in given.items() if value is not None})
    gateway = require_stack(stack)
    _warn_of_unknown_models(gateway, limits.models)
    now = time.time()
    expires = None if expires_days is None else int(now) + expires_days * SECONDS_PER_DAY
    issued = _open_administration(gateway).create(name, now, expires, limits)
    if limits.budget is not None and limits.period is None:
        note(_TOTAL_BUDGET)
    _show_issued_key(issued, gateway, f"Created key {issued.key.id} for {name}.", as_json=as_json)


@app.command("list")
def list_keys(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List all keys, oldest first."""
    gateway = require_stack(stack)
    keys = _open_administration(gateway).list()
    if as_json:
        currency = _read_currency(gateway)
        show_json([build_json(key, currency) for key in keys])
    elif keys:
        show_table(("ID", "STATE", "CREATED", "EXPIRES", "NAME"), [build_row(key) for key in keys])
    else:
        show("There are no keys. Create one with: qwen-gateway keys create --name NAME")


@app.command("show")
def show_key(key_id: KeyId, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show the settings of a key, and what it has spent, holds and has left."""
    gateway = require_stack(stack)
    fields = build_json_with_counters(_open_administration(gateway).show(key_id), _read_currency(gateway))
    if as_json:
        show_json(fields)
    else:
        show_table(("SETTING", "VALUE"), build_rows(fields))


@app.command("set")
def set_key(  # noqa: PLR0913, PLR0917 - an option each
    key_id: KeyId,
    budget: BudgetOption = None,
    period: PeriodOption = None,
    rpm: RpmOption = None,
    tpm: TpmOption = None,
    concurrency: ConcurrencyOption = None,
    models: ModelsOption = None,
    default_max_output: MaxOutputOption = None,
    on_limit: OnLimitOption = None,
    expires_days: ExpiresOption = None,
    no_budget: Annotated[bool, typer.Option("--no-budget", help="Remove the budget and its period.")] = False,
    no_rpm: Annotated[bool, typer.Option("--no-rpm", help="Remove the limit.")] = False,
    no_tpm: Annotated[bool, typer.Option("--no-tpm", help="Remove the limit.")] = False,
    no_concurrency: Annotated[
        bool, typer.Option("--no-concurrency", help="Remove the limit, of a key without a budget.")
    ] = False,
    no_models: Annotated[bool, typer.Option("--no-models", help="Allow all models.")] = False,
    no_expires: Annotated[bool, typer.Option("--no-expires", help="The key does not expire.")] = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the settings of a key, also while its calls run. Its token stays the same.

    Another budget moves what is left by the difference. Another period starts anew: what was spent so far no longer
    counts.
    """
    now = time.time()
    given = _read_limits(budget, period, rpm, tpm, concurrency, models, default_max_output, on_limit)
    given["expires"] = None if expires_days is None else int(now) + expires_days * SECONDS_PER_DAY
    removed = {
        "budget": no_budget,
        "rpm": no_rpm,
        "tpm": no_tpm,
        "concurrency": no_concurrency,
        "models": no_models,
        "expires": no_expires,
    }
    changes = collect_changes(given, removed)
    gateway = require_stack(stack)
    _warn_of_unknown_models(gateway, given["models"])
    key = _open_administration(gateway).set(key_id, cast("KeyChanges", changes), now)
    if budget is not None and period is None and key.period == Period.TOTAL.value:
        note(_TOTAL_BUDGET)
    if as_json:
        show_json(build_json(key, _read_currency(gateway)))
    else:
        show(f"Changed key {key.id} ({key.name}): {', '.join(changes)}. It applies to new calls at once.")


@app.command()
def rotate(
    key_id: KeyId,
    grace_hours: Annotated[
        int, typer.Option(min=0, max=8_760, help="Hours for which the previous token stays valid; 0 ends it now.")
    ] = 24,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a new token for a key, which keeps its ID, budget and history.

    Only the latest two tokens can be valid: a second rotation ends the grace period of the first.
    """
    gateway = require_stack(stack)
    issued = _open_administration(gateway).rotate(key_id, grace_hours * _SECONDS_PER_HOUR, time.time())
    expires = format_optional_utc(issued.key.key.previous_expires)
    message = f"Key {key_id} has a new token. The previous token expires at {expires}."
    _show_issued_key(issued, gateway, message, as_json=as_json)


@app.command()
def revoke(key_id: KeyId, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Revoke a key immediately and permanently."""
    gateway = require_stack(stack)
    key = _open_administration(gateway).revoke(key_id)
    if as_json:
        show_json(build_json(key, _read_currency(gateway)))
    else:
        show(f"Revoked key {key.id} ({key.name}). The gateway no longer accepts it.")


@app.command()
def refund(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST", help="The x-request-id of the response.")],
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the cost of a closed request back to its key, once.

    The money goes to the current period first, so it can be spent again.
    """
    gateway = require_stack(stack)
    dynamodb = gateway.clients.dynamodb
    record = require_record(dynamodb, gateway.keys_table, gateway.usage_table, request_id)
    refunds = Refunds(dynamodb, gateway.keys_table, gateway.usage_table, gateway.usage_retention_days)
    done = refunds.refund(record, time.time())
    request, amount = f"req_{record['sk'].removeprefix('USE#')}", format_exactly(done.amount)
    currency = record.get("cost_currency") or _read_currency(gateway)
    if as_json:
        show_json({"request": request, "key": done.key_id, "refunded": amount, "currency": currency})
    else:
        show(f"Refunded {amount} {currency} of {request} to key {done.key_id}.")


_TOTAL_BUDGET = "The budget is for the whole life of the key (period total). Set --period day or month for another one."


def _open_administration(gateway: Stack) -> KeyAdministration:
    return KeyAdministration(gateway.clients.dynamodb, gateway.keys_table)


def _read_currency(gateway: Stack) -> str:
    return parse(gateway.gateway_config).accounting.currency


def _read_limits(  # noqa: PLR0913, PLR0917 - an option each
    budget: BudgetOption,
    period: PeriodOption,
    rpm: RpmOption,
    tpm: TpmOption,
    concurrency: ConcurrencyOption,
    models: ModelsOption,
    default_max_output: MaxOutputOption,
    on_limit: OnLimitOption,
) -> dict[str, Any]:
    """Return the limits that the options set, by setting; None for those that were not given."""
    return {
        "budget": parse_budget(budget),
        "period": None if period is None else period.value,
        "rpm": rpm,
        "tpm": tpm,
        "concurrency": concurrency,
        "models": parse_models(models),
        "default_max_output": default_max_output,
        "on_limit": None if on_limit is None else on_limit.value,
    }


def _warn_of_unknown_models(gateway: Stack, models: tuple[str, ...] | None) -> None:
    unknown = find_unknown_models(models, Routes(parse(gateway.gateway_config)).all()) if models else []
    if unknown:
        note(f"No route has the model {', '.join(unknown)}. `qwen-gateway routes` lists the names.")


def _show_issued_key(issued: IssuedKey, gateway: Stack, message: str, *, as_json: bool) -> None:
    if as_json:
        fields = build_json(issued.key, _read_currency(gateway))
        show_json({"id": issued.key.id, "token": issued.token} | fields)
        return
    show(f"{message} Its token is shown only once and not stored. For OpenAI clients:\n")
    show(f"export OPENAI_BASE_URL={gateway.base_url} OPENAI_API_KEY={issued.token}")
