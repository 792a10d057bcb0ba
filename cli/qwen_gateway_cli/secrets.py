"""`qwen-gateway secrets`: the provider keys in Secrets Manager, put in and never shown again."""

import getpass
import json
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qwen_gateway.config import parse
from qwen_gateway.provider_keys.secrets_manager import SecretMalformed, parse_secret
from qwen_gateway_cli.console import refuse, show, show_json, show_table
from qwen_gateway_cli.moments import utc
from qwen_gateway_cli.provider_key import wrong_with
from qwen_gateway_cli.stack import JsonOption, StackOption, address

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

app = typer.Typer(no_args_is_help=True, help="Keys with which the gateway calls its providers.")

_SECONDS_A_DAY = 86_400


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
    if not known[provider].needs_key:
        refuse(f"{provider} is called without a key: take needs_key = false out of its configuration first.")
    key = _asked_for(provider)
    if wrong := wrong_with(key):
        refuse(wrong)
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
    stored = stored_keys(gateway.clients.secretsmanager, gateway.provider_keys_secret)
    configured = parse(gateway.gateway_config).providers
    # Those that have a key first, configured or not; then the configured ones that lack theirs.
    lacking = sorted(name for name, provider in configured.items() if provider.needs_key and name not in stored)
    rows = [_described(name, stored.get(name)) for name in (*sorted(stored), *lacking)]
    if as_json:
        show_json(rows)
    else:
        show_table(("PROVIDER", "KEY SET", "AGE"), [(row["provider"], row["set_at"] or "-", _age(row)) for row in rows])


def store(client: "SecretsManagerClient", secret_name: str, provider: str, key: str, set_at: str) -> None:
    """Put a provider's key into the secret beside the others.

    Secrets Manager has no conditional write: of two operators who set keys in the same second, the later one may
    take back what the other wrote. `secrets list` shows it, by the time of setting.
    """
    stored = stored_keys(client, secret_name) | {provider: {"key": key, "set_at": set_at}}
    client.put_secret_value(SecretId=secret_name, SecretString=json.dumps(stored))


def stored_keys(client: "SecretsManagerClient", secret_name: str) -> dict[str, dict[str, Any]]:
    """Return the secret's entries by the provider's name; one that is malformed is refused with what helps."""
    secret = client.get_secret_value(SecretId=secret_name, VersionStage="AWSCURRENT").get("SecretString", "")
    try:
        return parse_secret(secret)
    except SecretMalformed as error:
        refuse(
            f"The secret cannot be used: {error}. Empty it (aws secretsmanager put-secret-value "
            f"--secret-id {secret_name} --secret-string '{{}}'), then set every provider's key again."
        )


def _asked_for(provider: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Key of {provider} (not shown): ").strip()
    return sys.stdin.read().strip()


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
