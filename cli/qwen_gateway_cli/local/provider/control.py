"""The stand-in's memory: how it was told to answer, which faults are still due, and which calls it received."""

import json
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

KINDS = ("error", "hang", "truncate", "disconnect", "drip", "bad_json", "error_event", "html")
CALL_BYTES_KEPT = 256 * 2**20
"""Bodies kept for `calls`, in bytes; beyond that the oldest calls are forgotten."""


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class WrongControl(Exception):
    """A control document that cannot be applied; the message names the field. Nothing was changed."""


@dataclass(slots=True)
class Fault:
    """A failure to show to the next `times` calls that ask for `model` ("*": any).

    `status` None is 500 for an error and 200 for an HTML page; `code` and `message` None are chosen by the status.
    `after_chunks` counts the deltas, or for a whole answer anything above 0 means half of it, that arrive unharmed.
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
    """How calls are answered. Times in milliseconds; token counts that are None are derived from the request.

    `accepted_key` None takes any key without the word "invalid"; `models` None lists and serves DashScope's.
    """

    latency_ms: float = 0
    chunks: int = 4
    chunk_gap_ms: float = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cache_creation_tokens: int | None = None
    accepted_key: str | None = None
    models: tuple[str, ...] | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A chat call as received: when (seconds since the epoch), and the bytes of its JSON object."""

    time: float
    body: bytes

    def document(self) -> dict[str, Any]:
        """Return the call as `calls` shows it."""
        body = json.loads(self.body)
        return {"time": self.time, "model": body.get("model"), "stream": body.get("stream") is True, "body": body}


class Control:
    """Everything that `/_control` reads and sets. All of it lives in memory, in the server's event loop."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget settings, faults and calls."""
        self.settings = Settings()
        self._calls: deque[Call] = deque()
        self._call_bytes = 0

    def apply(self, document: object) -> None:
        """Set the fields that `document` names and leave the others. A null brings a field's default back.

        Raises:
            WrongControl: the document is no JSON object, or a field is unknown or of the wrong type or range.
        """
        changes = _checked(document, SETTING_CHECKS, Settings(), "")
        if "faults" in changes:
            changes["faults"] = tuple(
                Fault(**_checked(fault, FAULT_CHECKS, Fault(), f"faults[{position}]."))
                for position, fault in enumerate(changes["faults"])
            )
        self.settings = replace(self.settings, **changes)

    def record(self, body: bytes) -> None:
        """Keep a call; the oldest go when the memory is full."""
        self._calls.append(Call(time.time(), body))
        self._call_bytes += len(body)
        while self._call_bytes > CALL_BYTES_KEPT:
            self._call_bytes -= len(self._calls.popleft().body)

    def due_fault(self, model: object) -> Fault | None:
        """The first fault for a call of `model` with times left; that call uses up one of them."""
        for fault in self.settings.faults:
            if fault.times > 0 and fault.model in ("*", model):
                fault.times -= 1
                return fault
        return None

    def settings_document(self) -> dict[str, Any]:
        """The settings, with the times left of each fault."""
        return asdict(self.settings)

    def document(self) -> dict[str, Any]:
        """The settings and the calls."""
        return {**self.settings_document(), "calls": [call.document() for call in self._calls]}


type Check = tuple[str, Callable[[Any], bool]]


def _whole(least: int, most: int | None = None) -> Check:
    wording = f"an integer from {least}" + (f" to {most}" if most is not None else "")
    return wording, lambda value: type(value) is int and least <= value and (most is None or value <= most)


MILLISECONDS: Check = ("a number, at least 0", lambda value: type(value) in (int, float) and value >= 0)
TEXT: Check = ("a string", lambda value: isinstance(value, str))
TOKENS = _whole(0)
FAULT_CHECKS: dict[str, Check] = {
    "model": TEXT,
    "times": _whole(0),
    "kind": (f"one of {', '.join(KINDS)}", lambda value: value in KINDS),
    "status": _whole(200, 599),
    "code": TEXT,
    "message": TEXT,
    "headers": (
        "an object of header names and texts of one line",
        lambda value: isinstance(value, dict) and all(_is_header(name, text) for name, text in value.items()),
    ),
    "delay_ms": MILLISECONDS,
    "after_chunks": _whole(0),
}
SETTING_CHECKS: dict[str, Check] = {
    "latency_ms": MILLISECONDS,
    "chunks": _whole(1),
    "chunk_gap_ms": MILLISECONDS,
    "prompt_tokens": TOKENS,
    "completion_tokens": TOKENS,
    "reasoning_tokens": TOKENS,
    "cached_tokens": TOKENS,
    "cache_creation_tokens": TOKENS,
    "accepted_key": TEXT,
    "models": (
        "an array of names",
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    ),
    "faults": ("an array of faults", lambda value: isinstance(value, list | tuple)),
}


def _checked(document: object, checks: dict[str, Check], defaults: Settings | Fault, where: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise WrongControl(f"{where.rstrip('.') or 'the control document'} has to be a JSON object")
    initial = {item.name: getattr(defaults, item.name) for item in fields(defaults)}
    values = {}
    for name, value in document.items():
        if name not in checks:
            raise WrongControl(f"{where}{name} is unknown; known are {', '.join(checks)}")
        wording, is_right = checks[name]
        if value is not None and not is_right(value):
            raise WrongControl(f"{where}{name} has to be {wording}")
        values[name] = initial[name] if value is None else value
    return values


def _is_header(name: str, text: object) -> bool:
    return bool(_HEADER_NAME.fullmatch(name)) and isinstance(text, str) and text.isprintable() and text.isascii()
