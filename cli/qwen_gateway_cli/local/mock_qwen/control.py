"""The mock's state: response settings, remaining faults and received calls."""

import json
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

FAULT_KINDS = ("error", "hang", "truncate", "disconnect", "drip", "bad_json", "error_event", "html")
MAX_CALL_BYTES = 256 * 2**20
"""Total size of the bodies kept for `calls`; above it the oldest calls are deleted."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class InvalidControl(Exception):
    """An invalid control document; the message names the field. No setting was changed."""


@dataclass(slots=True)
class Fault:
    """A failure of the next `times` calls of `model` ("*": any model).

    `status` None means 500 for an error and 200 for an HTML page; `code` and `message` None depend on the status.
    `after_chunks` is the number of deltas sent before the fault; for a whole response any number above 0 means half.
    """

    model: str = "*"
    times: int = 1
    kind: str = "error"
    status: int | None = None
    code: str | None = None
    message: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_ms: float = 0
    after_chunks: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """Response settings. Times are in milliseconds; token counts that are None are derived from the request.

    `usage` is the usage object to report as it is, also one that no provider should send. `tool_calls` are the calls to
    make, each in the turn after as many tool results, if the request has its tool; null makes calls with sample values.
    `accepted_key` None accepts any key without the word "invalid"; `models` None means DashScope's models.
    """

    latency_ms: float = 0
    chunks: int = 4
    chunk_gap_ms: float = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cache_creation_tokens: int | None = None
    usage: dict[str, Any] | None = None
    tool_calls: tuple[dict[str, Any], ...] | None = None
    accepted_key: str | None = None
    models: tuple[str, ...] | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A received chat call: its time in seconds since the epoch, and the bytes of its JSON object."""

    time: float
    body: bytes

    def document(self) -> dict[str, Any]:
        """Return the call's entry in `calls`."""
        body = json.loads(self.body)
        return {"time": self.time, "model": body.get("model"), "stream": body.get("stream") is True, "body": body}


class Control:
    """The state behind `/_control`, kept in memory and used only by the server's event loop."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset settings and faults, and delete the calls."""
        self.settings = Settings()
        self._calls: deque[Call] = deque()
        self._call_bytes = 0

    def apply(self, document: object) -> None:
        """Set the fields of `document`; other fields keep their value, and null restores a default.

        Raises:
            InvalidControl: the document is not a JSON object, or a field is unknown or has a wrong type or range.
        """
        changes = _parse_fields(document, SETTING_CHECKS, Settings(), "")
        if "faults" in changes:
            changes["faults"] = tuple(
                Fault(**_parse_fields(fault, FAULT_CHECKS, Fault(), f"faults[{position}]."))
                for position, fault in enumerate(changes["faults"])
            )
        self.settings = replace(self.settings, **changes)

    def record(self, body: bytes) -> None:
        """Record a call; delete the oldest ones above the size limit."""
        self._calls.append(Call(time.time(), body))
        self._call_bytes += len(body)
        while self._call_bytes > MAX_CALL_BYTES:
            self._call_bytes -= len(self._calls.popleft().body)

    def take_fault(self, model: object) -> Fault | None:
        """Return the first fault with remaining times for `model`, and count this call against it."""
        for fault in self.settings.faults:
            if fault.times > 0 and fault.model in ("*", model):
                fault.times -= 1
                return fault
        return None

    def settings_document(self) -> dict[str, Any]:
        """Return the settings, with the remaining times of each fault."""
        return asdict(self.settings)

    def document(self) -> dict[str, Any]:
        """Return the settings and the calls."""
        return {**self.settings_document(), "calls": [call.document() for call in self._calls]}


type FieldCheck = tuple[str, Callable[[Any], bool]]


def _integer(minimum: int, maximum: int | None = None) -> FieldCheck:
    expected = f"an integer from {minimum}" + (f" to {maximum}" if maximum is not None else "")
    return expected, lambda value: type(value) is int and minimum <= value and (maximum is None or value <= maximum)


MILLISECONDS: FieldCheck = ("a number, at least 0", lambda value: type(value) in (int, float) and value >= 0)
TEXT: FieldCheck = ("a string", lambda value: isinstance(value, str))
TOKENS = _integer(0)
FAULT_CHECKS: dict[str, FieldCheck] = {
    "model": TEXT,
    "times": _integer(0),
    "kind": (f"one of {', '.join(FAULT_KINDS)}", lambda value: value in FAULT_KINDS),
    "status": _integer(200, 599),
    "code": TEXT,
    "message": TEXT,
    "headers": (
        "an object of header names and one-line values",
        lambda value: isinstance(value, dict) and all(_is_valid_header(name, text) for name, text in value.items()),
    ),
    "delay_ms": MILLISECONDS,
    "after_chunks": _integer(0),
}
SETTING_CHECKS: dict[str, FieldCheck] = {
    "latency_ms": MILLISECONDS,
    "chunks": _integer(1),
    "chunk_gap_ms": MILLISECONDS,
    "prompt_tokens": TOKENS,
    "completion_tokens": TOKENS,
    "reasoning_tokens": TOKENS,
    "cached_tokens": TOKENS,
    "cache_creation_tokens": TOKENS,
    "usage": ("a JSON object", lambda value: isinstance(value, dict)),
    "tool_calls": (
        "an array of objects with name and arguments",
        lambda value: isinstance(value, list) and all(each.keys() == {"name", "arguments"} for each in value),
    ),
    "accepted_key": TEXT,
    "models": (
        "an array of names",
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    ),
    "faults": ("an array of faults", lambda value: isinstance(value, list | tuple)),
}


def _parse_fields(
    document: object, checks: dict[str, FieldCheck], defaults: Settings | Fault, prefix: str
) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidControl(f"{prefix.rstrip('.') or 'the control document'} must be a JSON object")
    default_values = {item.name: getattr(defaults, item.name) for item in fields(defaults)}
    values = {}
    for name, value in document.items():
        if name not in checks:
            raise InvalidControl(f"{prefix}{name} is unknown; the known fields are {', '.join(checks)}")
        expected, is_valid = checks[name]
        if value is not None and not is_valid(value):
            raise InvalidControl(f"{prefix}{name} must be {expected}")
        values[name] = default_values[name] if value is None else value
    return values


def _is_valid_header(name: str, text: object) -> bool:
    return bool(_HEADER_NAME.fullmatch(name)) and isinstance(text, str) and text.isprintable() and text.isascii()
