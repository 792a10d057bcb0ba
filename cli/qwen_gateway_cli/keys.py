"""`qwen-gateway keys`: create, list, show, rotate and revoke API keys."""

import time
from typing import Annotated, Any

import typer

from qwen_gateway.ledger.administration import IssuedKey, KeyAdministration, KeySettings
from qwen_gateway_cli.console import refuse, show, show_json, show_table
from qwen_gateway_cli.stack import JsonOption, Stack, StackOption, require_stack
from qwen_gateway_cli.timestamps import format_optional_utc, format_utc

app = typer.Typer(no_args_is_help=True, help="Manage the API keys of the gateway's clients.")

_SECONDS_PER_DAY = 86_400
_SECONDS_PER_HOUR = 3_600
_MAX_NAME_LENGTH = 128


KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's ID from `keys list`.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="The person or program that uses the key.")],
    expires_days: Annotated[int | None, typer.Option(min=1, max=36_500, help="Days until the key expires.")] = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key. Its token is shown only once."""
    if not name.strip() or len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        refuse(f"A name must have 1 to {_MAX_NAME_LENGTH} printable characters.")
    gateway = require_stack(stack)
    now = time.time()
    expires = None if expires_days is None else int(now) + expires_days * _SECONDS_PER_DAY
    issued = _open_administration(gateway).create(name, now, expires)
    _show_issued_key(issued, gateway, f"Created key {issued.settings.id} for {name}.", as_json=as_json)


@app.command("list")
def list_keys(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List all keys, oldest first."""
    keys = _open_administration(require_stack(stack)).list()
    if as_json:
        show_json([_build_json(key) for key in keys])
    elif keys:
        show_table(("ID", "STATE", "CREATED", "EXPIRES", "NAME"), [_build_row(key) for key in keys])
    else:
        show("There are no keys. Create one with: qwen-gateway keys create --name NAME")


@app.command("show")
def show_key(key_id: KeyId, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show the settings of a key."""
    key = _open_administration(require_stack(stack)).show(key_id)
    if as_json:
        show_json(_build_json(key))
    else:
        show_table(("SETTING", "VALUE"), [(name, _format_value(value)) for name, value in _build_json(key).items()])


@app.command()
def rotate(
    key_id: KeyId,
    grace_hours: Annotated[
        int, typer.Option(min=0, max=8_760, help="Hours for which the previous token stays valid; 0 ends it now.")
    ] = 24,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a new token for a key, which keeps its ID and history.

    Only the latest two tokens can be valid: a second rotation ends the grace period of the first.
    """
    gateway = require_stack(stack)
    issued = _open_administration(gateway).rotate(key_id, grace_hours * _SECONDS_PER_HOUR, time.time())
    expires = format_optional_utc(issued.settings.previous_expires)
    message = f"Key {key_id} has a new token. The previous token expires at {expires}."
    _show_issued_key(issued, gateway, message, as_json=as_json)


@app.command()
def revoke(key_id: KeyId, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Revoke a key immediately and permanently."""
    key = _open_administration(require_stack(stack)).revoke(key_id)
    if as_json:
        show_json(_build_json(key))
    else:
        show(f"Revoked key {key.id} ({key.name}). The gateway no longer accepts it.")


def _open_administration(gateway: Stack) -> KeyAdministration:
    return KeyAdministration(gateway.clients.dynamodb, gateway.keys_table)


def _show_issued_key(issued: IssuedKey, gateway: Stack, message: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"id": issued.settings.id, "token": issued.token} | _build_json(issued.settings))
        return
    show(f"{message} Its token is shown only once and not stored. For OpenAI clients:\n")
    show(f"export OPENAI_BASE_URL={gateway.base_url} OPENAI_API_KEY={issued.token}")


def _build_json(key: KeySettings) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state(time.time()),
        "created": format_utc(key.created),
        "expires": format_optional_utc(key.expires),
        "previous_token_ends": format_optional_utc(key.previous_expires),
    }


def _build_row(key: KeySettings) -> tuple[str, ...]:
    return (
        key.id,
        key.state(time.time()),
        format_utc(key.created),
        _format_value(format_optional_utc(key.expires)),
        key.name,
    )


def _format_value(value: str | None) -> str:
    return "-" if value is None else value
