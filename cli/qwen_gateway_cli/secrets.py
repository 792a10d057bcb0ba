"""`qwen-gateway secrets`: store provider keys in Secrets Manager. No command prints a key."""

import getpass
import json
import re
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qwen_gateway.config import parse
from qwen_gateway.provider_keys import is_valid_header_value
from qwen_gateway.provider_keys.secrets_manager import SecretMalformed, read_secret
from qwen_gateway_cli.console import refuse, show, show_json, show_table
from qwen_gateway_cli.stack import JsonOption, StackOption, require_stack
from qwen_gateway_cli.timestamps import format_utc

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

app = typer.Typer(no_args_is_help=True, help="Manage the keys that the gateway sends to its providers.")

_SECONDS_PER_DAY = 86_400
_QUOTED = re.compile(r"""["'`].*|.*["'`]""")
_PLACEHOLDER = re.compile(
    r"(sk-)?[x*.]+|<.*>|\$.*|.*\byour[-_ ].*|(sk-)?\.\.\..*|.*(api|provider|dashscope)[-_]?key|change[-_]?me",
    re.IGNORECASE,
)


@app.command("set")
def set_key(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="A provider of gateway.toml, e.g. dashscope.")],
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a provider's key. A prompt without echo or standard input reads it, never an argument."""
    gateway = require_stack(stack)
    providers = parse(gateway.gateway_config).providers
    if provider not in providers:
        refuse(f"This stack has no provider {provider!r}. Its configuration has: {', '.join(sorted(providers))}.")
    if not providers[provider].needs_key:
        refuse(f"{provider} needs no key. Remove needs_key = false from its configuration first.")
    key = _read_key(provider)
    if problem := find_key_problem(key):
        refuse(problem)
    set_at = format_utc(time.time())
    store_key(gateway.clients.secretsmanager, gateway.provider_keys_secret, provider, key, set_at)
    if as_json:
        show_json({"provider": provider, "set_at": set_at})
    else:
        show(f"Stored the key of {provider}. Running functions use it within five minutes.")


@app.command("list")
def list_keys(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List the providers that have a key, and the age of each key. No key is shown."""
    gateway = require_stack(stack)
    stored = read_stored_keys(gateway.clients.secretsmanager, gateway.provider_keys_secret)
    configured = parse(gateway.gateway_config).providers
    missing = sorted(name for name, provider in configured.items() if provider.needs_key and name not in stored)
    rows = [_build_json(name, stored.get(name)) for name in (*sorted(stored), *missing)]
    if as_json:
        show_json(rows)
    else:
        show_table(
            ("PROVIDER", "KEY SET", "AGE"), [(row["provider"], row["set_at"] or "-", _format_age(row)) for row in rows]
        )


def find_key_problem(key: str) -> str | None:
    """Return why a string cannot be a provider's key, with the remedy, or None. The text never contains the key."""
    if not key:
        return "The key is empty."
    if not is_valid_header_value(key):
        return "The key contains white space, line breaks or letters that no key has. Copy it again."
    if _QUOTED.fullmatch(key):
        return "The key has quotes around it. Set it without them."
    if _PLACEHOLDER.fullmatch(key):
        return "This is a placeholder from an example, not a key. Copy the real key from the provider's console."
    return None


def store_key(client: "SecretsManagerClient", secret_name: str, provider: str, key: str, set_at: str) -> None:
    """Add a provider's key to the secret, or replace it.

    Secrets Manager has no conditional write. When two operators set keys in the same second, the later write can undo
    the earlier one. The times in `secrets list` show it.
    """
    keys = read_stored_keys(client, secret_name) | {provider: {"key": key, "set_at": set_at}}
    client.put_secret_value(SecretId=secret_name, SecretString=json.dumps(keys))


def read_stored_keys(client: "SecretsManagerClient", secret_name: str) -> dict[str, dict[str, Any]]:
    """Return the secret's entries by provider; there are none before the first key is stored.

    Raises:
        CommandRefused: the secret is malformed.
    """
    try:
        return read_secret(client, secret_name)
    except SecretMalformed as error:
        refuse(
            f"The secret cannot be used: {error}. Empty it (aws secretsmanager put-secret-value "
            f"--secret-id {secret_name} --secret-string '{{}}'), then set every provider's key again."
        )


def _read_key(provider: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Key of {provider} (not shown): ").strip()
    return sys.stdin.read().strip()


def _build_json(provider: str, entry: dict[str, Any] | None) -> dict[str, Any]:
    set_at = entry.get("set_at") if entry else None
    return {"provider": provider, "stored": entry is not None, "set_at": set_at, "age_days": _compute_age_days(set_at)}


def _compute_age_days(set_at: str | None) -> int | None:
    try:
        time_set = datetime.fromisoformat(set_at or "")
    except ValueError:
        return None
    return int((time.time() - time_set.timestamp()) // _SECONDS_PER_DAY)


def _format_age(row: dict[str, Any]) -> str:
    if not row["stored"]:
        return "no key"
    return "unknown" if row["age_days"] is None else f"{row['age_days']} days"
