"""The keys that a command is about, with their names."""

from collections.abc import Iterable
from typing import Annotated

import typer

from qwen_gateway.ledger import KeySnapshot
from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli.stack import Stack

KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="ID", help="Only this key, also one that was deleted. By default all.")
]


def find_keys(gateway: Stack, key_id: str | None) -> dict[str, str]:
    """Return the names of all keys by id, or of the one with this id, which may be gone."""
    names = name_keys(KeyAdministration(gateway.clients.dynamodb, gateway.keys_table).list())
    return names if key_id is None else {key_id: names.get(key_id, key_id)}


def name_keys(keys: Iterable[KeySnapshot]) -> dict[str, str]:
    """Return the names of keys by id. Keys of the same name are told apart by their id."""
    listed = list(keys)
    names = [key.name for key in listed]
    return {key.id: key.name if names.count(key.name) == 1 else f"{key.name} ({key.id})" for key in listed}
