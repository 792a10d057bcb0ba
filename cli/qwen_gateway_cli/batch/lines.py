"""The file of prompts: every line is read, and told if it is wrong, before anything is sent."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qwen_gateway import strictjson
from qwen_gateway.errors import RequestRefused
from qwen_gateway_cli.console import refuse

JSON_LINES = (".jsonl", ".ndjson")
"""Endings of files whose lines are JSON; in any other file a line is a prompt as it stands."""

_SHOWN = 20

type Check = Callable[[Any], dict[str, Any]]
"""From a prompt to the request that it becomes; a wrong one raises `RequestRefused`."""


class Line(NamedTuple):
    """One prompt: its line in the file, counted from 1, the id that it was given, and the request to send."""

    number: int
    id: str | int | None
    request: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """The request in a few letters, by which a later run knows it again."""
        text = json.dumps(self.request, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Wrong(Exception):
    """The line is no prompt; the message says why."""


def read(path: Path, check: Check) -> list[Line]:
    """Return the prompts of a file; blank lines are none.

    Raises:
        CommandRefused: the file cannot be read, has no prompt, or has wrong lines, which are all named.
    """
    try:
        data = path.read_bytes()
    except OSError as failure:
        refuse(f"{path} cannot be read: {failure.strerror}.")
    lines, wrong = [], []
    for number, raw in _filled(data):
        try:
            lines.append(_line(number, raw, check, is_json=path.suffix.lower() in JSON_LINES))
        except (_Wrong, RequestRefused) as reason:
            wrong.append(f"line {number}: {reason}")
    if wrong:
        more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        refuse("\n".join([f"{path} has wrong lines, so nothing was sent:", *wrong[:_SHOWN], *more]))
    if not lines:
        refuse(f"{path} has no prompt.")
    return lines


def _filled(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if raw.strip():
            yield number, raw.removesuffix(b"\r")


def _line(number: int, raw: bytes, check: Check, *, is_json: bool) -> Line:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _Wrong("It is not UTF-8.") from None
    prompt = _json(text) if is_json else text
    own_id = None
    if isinstance(prompt, dict):
        own_id = prompt.pop("id", None)
        if not isinstance(own_id, str | int | None):
            raise _Wrong("Its id is neither a text nor a whole number.")
    return Line(number, own_id, check(prompt))


def _json(text: str) -> Any:
    try:
        return strictjson.loads(text)
    except ValueError:
        raise _Wrong("It is not JSON.") from None
