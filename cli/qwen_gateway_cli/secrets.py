"""`qwen-gateway secrets`: the provider keys in Secrets Manager, put in and never shown again."""

import getpass
import json
import re
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qwen_gateway.config import parse
from qwen_gateway.secrets import SecretMalformed, entries
from qwen_gateway_cli.console import refuse, show, show_json, show_table
from qwen_gateway_cli.moments import utc
from qwen_gateway_cli.stack import JsonOption, Stack, StackOption, address

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

app = typer.Typer(no_args_is_help=True, help="Keys with which the gateway calls its providers.")

_SECONDS_A_DAY = 86_400
_PRINTABLE_ASCII = re.compile(r"[!-~]+")
_PLACEHOLDER = re.compile(
    r"(sk-)?[x*.]+|<.*>|\$.*|.*\byour[-_ ].*|(sk-)?\.\.\..*|.*(api|provider|dashscope)[-_]?key|change[-_]?me",
    re.IGNORECASE,
)


@app.command("set")
def set_key(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="Its name in gateway.toml, as dashscope.")],
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a provider's key, asked for without echo or read from standard input; never an argument."""
    gateway = address(stack)
    known = parse(gateway.gateway_config).providers
    if provider not in known:
        refuse(f"{provider!r} is no provider of this stack. Its configuration names: {', '.join(sorted(known))}.")
    key = _asked_for(provider)
    refuse_unusable(key)
    set_at = utc(time.time())
    store(gateway.clients.secretsmanager, gateway.provider_keys_secret, provider, key, set_at)
    if as_json:
        show_json({"provider": provider, "set_at": set_at})
    else:
        show(f"The key of {provider} is stored. Functions that run already use it within five minutes.")


@app.command("list")
def list_keys(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List which providers have a key, and how old it is; no key is shown."""
    gateway = address(stack)
    stored = _stored(gateway.clients.secretsmanager, gateway.provider_keys_secret)
    rows = [_described(name, stored.get(name)) for name in _providers(gateway, stored)]
    if as_json:
        show_json(rows)
    else:
        show_table(("PROVIDER", "KEY SET", "AGE"), [(row["provider"], row["set_at"] or "-", _age(row)) for row in rows])


def store(client: "SecretsManagerClient", secret_name: str, provider: str, key: str, set_at: str) -> None:
    """Put a provider's key into the secret beside the others.

    Secrets Manager has no conditional write: of two operators who set keys in the same second, the later one may
    take back what the other wrote. `secrets list` shows it, by the time of setting.
    """
    stored = _stored(client, secret_name) | {provider: {"key": key, "set_at": set_at}}
    client.put_secret_value(SecretId=secret_name, SecretString=json.dumps(stored))


def refuse_unusable(key: str) -> None:
    """Refuse what cannot be a key, before it costs a refused call. The message never repeats it."""
    if not key:
        refuse("The key is empty.")
    if not _PRINTABLE_ASCII.fullmatch(key):
        refuse("The key has white space, line breaks or letters inside that no key has. Copy it again.")
    if _PLACEHOLDER.fullmatch(key):
        refuse("This is the placeholder of an example, not a key. Copy the real one from the provider's console.")


def _asked_for(provider: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Key of {provider} (not shown): ").strip()
    return sys.stdin.read().strip()


def _stored(client: "SecretsManagerClient", secret_name: str) -> dict[str, dict[str, Any]]:
    secret = client.get_secret_value(SecretId=secret_name, VersionStage="AWSCURRENT").get("SecretString", "")
    try:
        return entries(secret)
    except SecretMalformed as error:
        refuse(
            f"The secret cannot be used: {error}. Empty it (aws secretsmanager put-secret-value "
            f"--secret-id {secret_name} --secret-string '{{}}'), then set every provider's key again."
        )


def _providers(gateway: Stack, stored: dict[str, dict[str, Any]]) -> list[str]:
    """Those that have a key first, configured or not; then the configured ones that have none."""
    return sorted(stored) + sorted(parse(gateway.gateway_config).providers.keys() - stored)


def _described(provider: str, entry: dict[str, Any] | None) -> dict[str, Any]:
    set_at = entry.get("set_at") if entry else None
    return {"provider": provider, "stored": entry is not None, "set_at": set_at, "age_days": _age_days(set_at)}


def _age_days(set_at: str | None) -> int | None:
    try:
        moment = datetime.fromisoformat(set_at or "")
    except ValueError:
        return None
    return int((time.time() - moment.timestamp()) // _SECONDS_A_DAY)


def _age(row: dict[str, Any]) -> str:
    if not row["stored"]:
        return "no key"
    return "unknown" if row["age_days"] is None else f"{row['age_days']} days"
