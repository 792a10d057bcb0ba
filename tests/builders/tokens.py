"""API keys: tokens whose checksum is right, and what the keys table holds of them."""

from typing import Any

from qwen_gateway.ledger import ApiKey
from qwen_gateway.ledger import token as form
from qwen_gateway.ledger.dynamodb import to_item

KEY_ID = "TestKey00001"


def token(key_id: str = KEY_ID) -> str:
    """Return a fresh token of a key."""
    return form.create(key_id)


def mistyped(good: str) -> str:
    """Return the token with its last character changed, so that the checksum is wrong."""
    return good[:-1] + ("0" if good[-1] != "0" else "1")


def garbage_token() -> str:
    """Return what is no token of the gateway at all: a key of another service."""
    return "sk-proj-4f6f0b4e4f6f0b4e"


def api_key(**fields: Any) -> ApiKey:
    """Return a key as a request meets it: active, without an end."""
    known: dict[str, Any] = {
        "id": KEY_ID,
        "name": "tests",
        "token_hash": "0" * 64,
        "previous_hash": None,
        "previous_expires": None,
        "expires": None,
        "disabled": False,
    }
    return ApiKey(**(known | fields))


def key_item(text: str, **fields: Any) -> Any:
    """Return the keys table's item of the key that `text` opens."""
    settings = {"version": 1, "created": 1_764_000_000, "spent": 0, "total": 0, "window": {}, "holds": {}}
    key = api_key(id=form.parse(text).id, token_hash=form.digest(text), **fields)
    return to_item({**settings, **key._asdict()})
