"""`.local/stack.json`: what the running local stack tells other commands, tests and scripts.

The file exists exactly while a stack is meant to run. It is the only file in which a token stands.
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
    """Return the stack that runs in the repository `root`, or None when none was started."""
    try:
        return LocalStack(**json.loads((root / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def write(root: Path, stack: LocalStack) -> None:
    """Write the file whole or not at all, readable by its owner only."""
    target = root / FILE
    draft = target.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(stack._asdict(), file, indent=2)
    draft.replace(target)


def remove(root: Path) -> None:
    """Forget the stack."""
    (root / FILE).unlink(missing_ok=True)
