"""`qwen-gateway keys`: make, list, show, rotate and revoke API keys."""

import time
from typing import Annotated, Any

import typer

from qwen_gateway.ledger.administration import IssuedKey, KeyAdministration, KeySettings
from qwen_gateway_cli.console import refuse, show, show_json, show_table
from qwen_gateway_cli.moments import utc, utc_or_none
from qwen_gateway_cli.stack import JsonOption, Stack, StackOption, address

app = typer.Typer(no_args_is_help=True, help="API keys of the gateway's clients.")

_SECONDS_A_DAY = 86_400
_SECONDS_AN_HOUR = 3_600
_LONGEST_NAME = 128


def _refuse_limit(option: typer.CallbackParam, value: str | None) -> None:
    if value is not None:
        refuse(
            f"--{option.name} cannot be set yet: budgets and limits come with the ledger, and a key must not look "
            "limited when it is not. Make the key without it."
        )


KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")]
Limit = Annotated[str | None, typer.Option(callback=_refuse_limit, help="Not enforced yet, so refused.")]


@app.command()
def create(  # noqa: PLR0913, PLR0917 - the options of the command
    name: Annotated[str, typer.Option(help="Whom or what the key is for.")],
    expires_days: Annotated[int | None, typer.Option(min=1, max=36_500, help="Days after which it ends.")] = None,
    budget: Limit = None,  # noqa: ARG001 - refused by its callback, as the next five
    period: Limit = None,  # noqa: ARG001
    rpm: Limit = None,  # noqa: ARG001
    tpm: Limit = None,  # noqa: ARG001
    concurrency: Limit = None,  # noqa: ARG001
    models: Limit = None,  # noqa: ARG001
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. Its token is shown now and never again."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        refuse(f"A name has 1 to {_LONGEST_NAME} printable characters.")
    gateway = address(stack)
    now = time.time()
    expires = None if expires_days is None else int(now) + expires_days * _SECONDS_A_DAY
    issued = _administration(gateway).create(name, now, expires)
    _show_issued(issued, gateway, f"Key {issued.settings.id} for {name} is made.", as_json=as_json)


@app.command("list")
def list_keys(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List all keys, the oldest first."""
    keys = _administration(address(stack)).list()
    if as_json:
        show_json([_fields(key) for key in keys])
    elif keys:
        show_table(("ID", "STATE", "CREATED", "EXPIRES", "NAME"), [_row(key) for key in keys])
    else:
        show("There are no keys. Make one with: qwen-gateway keys create --name NAME")


@app.command("show")
def show_key(key_id: KeyId, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show one key's settings."""
    key = _administration(address(stack)).show(key_id)
    if as_json:
        show_json(_fields(key))
    else:
        show_table(("SETTING", "VALUE"), [(name, _text(value)) for name, value in _fields(key).items()])


@app.command()
def rotate(
    key_id: KeyId,
    grace_hours: Annotated[
        int, typer.Option(min=0, max=8_760, help="Hours for which the token before still works; 0 ends it now.")
    ] = 24,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a key a new token; its id and history stay. Rotating again ends the grace of the token before the last."""
    gateway = address(stack)
    issued = _administration(gateway).rotate(key_id, grace_hours * _SECONDS_AN_HOUR, time.time())
    ends = utc_or_none(issued.settings.previous_expires)
    _show_issued(issued, gateway, f"Key {key_id} has a new token. The one before ends {ends}.", as_json=as_json)


@app.command()
def revoke(key_id: KeyId, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Switch a key off, at once and for good."""
    key = _administration(address(stack)).revoke(key_id)
    if as_json:
        show_json(_fields(key))
    else:
        show(f"Key {key.id} ({key.name}) is revoked: from now on it opens nothing.")


def _administration(gateway: Stack) -> KeyAdministration:
    return KeyAdministration(gateway.clients.dynamodb, gateway.keys_table)


def _show_issued(issued: IssuedKey, gateway: Stack, what: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"id": issued.settings.id, "token": issued.token} | _fields(issued.settings))
        return
    show(f"{what} Its token is shown this once and stored nowhere; for OpenAI clients:\n")
    show(f"export OPENAI_BASE_URL={gateway.base_url} OPENAI_API_KEY={issued.token}")


def _fields(key: KeySettings) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state(time.time()),
        "created": utc(key.created),
        "expires": utc_or_none(key.expires),
        "previous_token_ends": utc_or_none(key.previous_expires),
    }


def _row(key: KeySettings) -> tuple[str, ...]:
    return key.id, key.state(time.time()), utc(key.created), _text(utc_or_none(key.expires)), key.name


def _text(value: str | None) -> str:
    return "-" if value is None else value
