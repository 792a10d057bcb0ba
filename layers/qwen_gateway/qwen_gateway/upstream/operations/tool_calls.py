"""The pieces of tool calls in a stream, each assigned to its call.

Providers disagree on how a piece names its call: by index, by id, by both, or not at all. Here each call gets an index
of its own, and its id and name once.
"""

import json
from typing import Any

from qwen_gateway.errors import ProviderAnswerBroken

type Piece = dict[str, Any]


class _Call:
    def __init__(self, index: int) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.has_started = False
        self.arguments: list[str] = []
        """Empty for a call whose pieces have an index, because the index tells them apart."""


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
            call = self._find(piece, current) or self._begin(piece.get("index"))
            current.append(call)
            normalized.append(_normalize(piece, call))
            if piece.get("index") is None:
                call.arguments.append(normalized[-1].get("function", {}).get("arguments") or "")
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
        call_id, index, name = _get(piece, "id", str), _get(piece, "index", int), _name(piece)
        at_index = self._last_at.get(index) if index is not None else None
        if call_id:
            if at_index and at_index.id in ("", call_id):
                return at_index
            known = next((call for call in self._calls if call.id == call_id), None)
            begins_at_new_index = name and index is not None and index not in self._last_at
            return None if begins_at_new_index else known
        if index is not None:
            return at_index
        last = self._calls[-1] if self._calls else None
        return None if name and (last in current or _is_complete(last)) else last

    def _begin(self, index: int | None) -> _Call:
        taken = {call.index for call in self._calls}
        call = _Call(max(taken, default=-1) + 1 if index is None or index in taken else index)
        self._calls.append(call)
        self._last_at[call.index if index is None else index] = call
        return call


def _normalize(piece: Piece, call: _Call) -> Piece:
    normalized = {**piece, "index": call.index}
    call_id = _get(piece, "id", str) or ""
    if call.has_started and call_id in ("", call.id):
        normalized.pop("id", None)
    call.id = call.id or call_id
    if piece.get("function") is not None:
        normalized["function"] = _normalize_function(_get(piece, "function", dict) or {}, call)
    call.has_started = True
    return normalized


def _normalize_function(function: Piece, call: _Call) -> Piece:
    normalized = dict(function)
    name = _get(function, "name", str) or ""
    if call.has_started and name in ("", call.name):
        normalized.pop("name", None)
    else:
        call.name += name
    arguments = function.get("arguments")
    if arguments is not None:
        normalized["arguments"] = _to_text(arguments)
    return normalized


def _to_text(arguments: object) -> str:
    """Return arguments as JSON text. Some providers send an object."""
    if isinstance(arguments, dict | list):
        return json.dumps(arguments, separators=(",", ":"))
    if not isinstance(arguments, str):
        raise ProviderAnswerBroken("the arguments of a tool call are neither text nor an object")
    return arguments


def _is_complete(call: _Call | None) -> bool:
    """Return whether the arguments of a call are a whole JSON document, so that nothing can follow."""
    try:
        json.loads("".join(call.arguments) if call else "{}")
    except ValueError:
        return False
    return True


def _name(piece: Piece) -> str:
    function = _get(piece, "function", dict) or {}
    return _get(function, "name", str) or ""


def _get[Type](piece: Piece, name: str, expected: type[Type]) -> Type | None:
    value = piece.get(name)
    if value is not None and not isinstance(value, expected):
        raise ProviderAnswerBroken(f"{name} of a tool call has the wrong type")
    return value
