"""The pieces of tool calls in a stream, each assigned to its call.

Providers disagree on how a piece names its call: by index, by id, by both, or not at all. Here each call gets an index
of its own, and its id and name once.
"""

import json
from typing import Any

from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.upstream.operations.chunks import as_object, parse_index

type Piece = dict[str, Any]


class _Call:
    def __init__(self, index: int) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.has_started = False
        self.is_displaced = False
        """Whether it began at the index of another call."""
        self.arguments: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are a whole JSON object, so that nothing can follow."""
        if not (self.arguments and self.arguments[-1].rstrip().endswith("}")):
            return False
        try:
            json.loads("".join(self.arguments))
        except ValueError:
            return False
        return True


class ToolCalls:
    """The tool calls of one choice."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._last_at: dict[int, _Call] = {}
        self._function_call = _Call(0)

    def normalize(self, pieces: list[Piece]) -> list[Piece]:
        """Return pieces with unique indexes, without repeated ids and names, and with arguments as JSON text.

        Raises:
            ProviderAnswerBroken: a part of a piece has the wrong type.
        """
        normalized = []
        current: list[_Call] = []
        for piece in pieces:
            call = self._find(piece, current) or self._begin(_index(piece))
            current.append(call)
            normalized.append(_normalize(piece, call))
        return normalized

    def normalize_function(self, piece: Piece) -> Piece:
        """Return a piece of the legacy `function_call`, without a repeated name and with arguments as JSON text.

        Raises:
            ProviderAnswerBroken: a part of it has the wrong type.
        """
        normalized = _normalize_function(piece, self._function_call)
        self._function_call.has_started = self._function_call.has_started or bool(piece)
        return normalized

    def _find(self, piece: Piece, current: list[_Call]) -> _Call | None:
        """Return the call that a piece continues, or None if it begins one. `current`: calls of the same chunk."""
        call_id, index = _id(piece), _index(piece)
        at_index = self._last_at.get(index) if index is not None else None
        if call_id:
            if at_index and (at_index.id in ("", call_id) or _continues(piece, at_index)):
                return None if _is_other(piece, at_index) else at_index
            known = next((call for call in reversed(self._calls) if call.id == call_id), None)
            if known and (_is_other(piece, known) or (known in current and _repeats(piece, known))):
                return None
            is_new_index = index is not None and index not in self._last_at
            return None if known and is_new_index and _differs(piece, known) else known
        last = self._calls[-1] if self._calls else None
        if index is not None:
            if at_index is None and last and last.is_displaced and _continues(piece, last):
                # Only the first piece of the call had the index of the other one.
                self._last_at[index] = last
                return last
            return None if at_index and _repeats(piece, at_index) else at_index
        return None if _name(piece) and (last in current or last is None or last.is_complete) else last

    def _begin(self, index: int | None) -> _Call:
        # Clients use the index as a position, but some providers count from 1 or leave gaps.
        call = _Call(len(self._calls))
        call.is_displaced = index in self._last_at
        self._calls.append(call)
        self._last_at[call.index if index is None else index] = call
        return call


def _continues(piece: Piece, call: _Call) -> bool:
    """Return whether a piece with another id continues a call: some servers make up an id for each piece."""
    return bool(_arguments(piece)) and not _name(piece) and bool(call.name) and not call.is_complete


def _repeats(piece: Piece, call: _Call) -> bool:
    """Return whether a piece with the index or id of a complete call can be a call of its own."""
    return bool(_name(piece) and _arguments(piece)) and call.is_complete


def _is_other(piece: Piece, call: _Call) -> bool:
    """Return whether a piece with the id of a complete call is another call: some servers give all calls one id."""
    return _repeats(piece, call) and _name(piece) != call.name


def _normalize(piece: Piece, call: _Call) -> Piece:
    normalized = {**piece, "index": call.index}
    call_id = _id(piece)
    if call_id:
        normalized["id"] = call_id
    if call.has_started and (not call_id or call.id):
        normalized.pop("id", None)
    call.id = call.id or call_id
    if not call.has_started:
        normalized["type"] = piece.get("type") or "function"
    elif piece.get("type") in (None, "", "function"):
        normalized.pop("type", None)
    if piece.get("function") is not None:
        normalized["function"] = _normalize_function(_function(piece), call)
    call.has_started = True
    return normalized


def _normalize_function(function: Piece, call: _Call) -> Piece:
    normalized = dict(function)
    name = _get(function, "name", str) or ""
    if call.has_started and name.startswith(call.name):
        # The name so far is repeated, or comes after a beginning without a name.
        name = name.removeprefix(call.name)
        normalized["name"] = name
    if call.has_started and not name:
        normalized.pop("name", None)
    call.name += name
    arguments = function.get("arguments")
    if arguments is not None:
        text = _to_text(arguments)
        # Some servers end with the whole call once more.
        is_repeated = text.startswith("{") and call.is_complete and text == "".join(call.arguments)
        normalized["arguments"] = "" if is_repeated else text
        call.arguments += [normalized["arguments"]] if normalized["arguments"].strip() else []
    return normalized


def _differs(piece: Piece, call: _Call) -> bool:
    """Return whether a piece at a new index is another call than the known one with its id, and not the same again."""
    name = _name(piece)
    return bool(name) and (
        name != call.name or (_repeats(piece, call) and _arguments(piece) != "".join(call.arguments))
    )


def _to_text(arguments: object) -> str:
    """Return arguments as JSON text. Some providers send an object."""
    if isinstance(arguments, dict | list):
        return json.dumps(arguments, separators=(",", ":"))
    if not isinstance(arguments, str):
        raise ProviderAnswerBroken("the arguments of a tool call are neither text nor an object")
    return arguments


def _id(piece: Piece) -> str:
    """Return the id of a call, which some providers send as a number."""
    call_id = piece.get("id")
    is_number = isinstance(call_id, int) and not isinstance(call_id, bool)
    return str(call_id) if is_number else _get(piece, "id", str) or ""


def _index(piece: Piece) -> int | None:
    return parse_index(piece.get("index"))


def _arguments(piece: Piece) -> object:
    return _function(piece).get("arguments")


def _name(piece: Piece) -> str:
    return _get(_function(piece), "name", str) or ""


def _function(piece: Piece) -> Piece:
    return as_object(piece.get("function"))


def _get[Type](piece: Piece, name: str, expected: type[Type]) -> Type | None:
    value = piece.get(name)
    if value is not None and not isinstance(value, expected):
        raise ProviderAnswerBroken(f"{name} of a tool call has the wrong type")
    return value
