"""The file of prompts. All lines are read and validated before the first request."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qwen_gateway import strictjson
from qwen_gateway.errors import RequestRefused
from qwen_gateway_cli.console import refuse

JSON_LINES = (".jsonl", ".ndjson")
"""Suffixes of files whose lines are JSON. In any other file each line is a prompt."""

_MAX_ERRORS = 20

type Check = Callable[[Any], dict[str, Any]]
"""Returns the request for a prompt, or raises `RequestRefused`."""


class Line(NamedTuple):
    """One prompt: its line number in the file, counted from 1, its optional id, and its request."""

    number: int
    id: str | int | None
    request: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """A short hash, with which a later run recognizes the request."""
        text = json.dumps(self.request, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class _InvalidLine(Exception):
    """The line is not a prompt. The message states the cause."""


def read_lines(path: Path, check: Check) -> list[Line]:
    """Return the prompts of a file, without blank lines.

    Raises:
        CommandRefused: the file cannot be read, has no prompt, or has invalid lines. The message lists them.
    """
    try:
        data = path.read_bytes()
    except OSError as failure:
        refuse(f"{path} cannot be read: {failure.strerror}.")
    lines, errors = [], []
    for number, raw in _split(data):
        try:
            lines.append(_parse_line(number, raw, check, is_json=path.suffix.lower() in JSON_LINES))
        except (_InvalidLine, RequestRefused) as reason:
            errors.append(f"line {number}: {reason}")
    if errors:
        more = [f"and {len(errors) - _MAX_ERRORS} more"] if len(errors) > _MAX_ERRORS else []
        refuse("\n".join([f"{path} has wrong lines, so nothing was sent:", *errors[:_MAX_ERRORS], *more]))
    if not lines:
        refuse(f"{path} has no prompt.")
    return lines


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if raw.strip():
            yield number, raw.removesuffix(b"\r")


def _parse_line(number: int, raw: bytes, check: Check, *, is_json: bool) -> Line:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _InvalidLine("It is not UTF-8.") from None
    prompt = _parse_json(text) if is_json else text
    own_id = None
    if isinstance(prompt, dict):
        own_id = prompt.pop("id", None)
        if not isinstance(own_id, str | int | None):
            raise _InvalidLine("Its id is neither a text nor a whole number.")
    return Line(number, own_id, check(prompt))


def _parse_json(text: str) -> Any:
    try:
        return strictjson.loads(text)
    except ValueError:
        raise _InvalidLine("It is not JSON.") from None
