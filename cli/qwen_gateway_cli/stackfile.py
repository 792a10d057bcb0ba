"""`.local/stack.json`: the running local stack's addresses, for other commands, tests and scripts.

The file exists only from the end of `up` until the stack is stopped. No other file contains the token.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

LOCAL = Path(".local")
FILE = LOCAL / "stack.json"


class LocalStack(NamedTuple):
    """Addresses of the local stack. `base_url` ends in /v1; `provider_url` is a root without a path."""

    base_url: str
    api_key: str
    provider_url: str
    aws_endpoint_url: str
    rest_api_url: str
    stack_name: str
    keys_table: str
    usage_table: str
    pids: dict[str, int]


def read(root: Path) -> LocalStack | None:
    """Return the running stack of the repository `root`, or None."""
    try:
        return LocalStack(**json.loads((root / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def write(root: Path, stack: LocalStack) -> None:
    """Write the file atomically, readable by its owner only."""
    target = root / FILE
    draft = target.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(stack._asdict(), file, indent=2)
    draft.replace(target)


def remove(root: Path) -> None:
    """Delete the file."""
    (root / FILE).unlink(missing_ok=True)
