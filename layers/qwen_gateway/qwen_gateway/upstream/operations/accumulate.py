"""Join the deltas of an answer, as the openai SDK's stream helper does.

Texts are joined, objects are joined field by field, and lists by the `index` of their items or by appending. Of other
values the last one is kept. Null and empty values never replace a value.
"""

from collections.abc import Mapping
from typing import Any

IDENTIFIERS = frozenset({"id", "type", "role", "object", "format", "model"})
"""Texts that are never split. Some providers repeat them in each delta."""


class _Text(list[str]):
    """The parts of a text. Joining them at the end takes linear time."""


def accumulate(joined: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a delta to `joined`, which `finished` turns into JSON."""
    for key, value in delta.items():
        if value is not None:
            joined[key] = _join(key, joined.get(key), value)


def finished(value: Any) -> Any:
    """Return an accumulated value as JSON."""
    match value:
        case _Text():
            return "".join(value)
        case dict():
            return {key: finished(inner) for key, inner in value.items()}
        case list():
            return [finished(inner) for inner in value]
    return value


def _join(key: str, before: Any, value: Any) -> Any:
    if is_empty(value):
        return _started(value) if before is None else before
    if is_empty(before):
        return _started(value)
    match before, value:
        case _Text(), str() if key not in IDENTIFIERS:
            before.append(value)
            return before
        case dict(), dict():
            accumulate(before, value)
            return before
        case list(), list():
            _extend(before, value)
            return before
    return _started(value)


def is_empty(value: object) -> bool:
    """Return whether a value adds nothing. 0 and False add something."""
    return value is None or value in ("", [], {})


def _started(value: Any) -> Any:
    match value:
        case str():
            return _Text([value] if value else [])
        case dict():
            joined: dict[str, Any] = {}
            accumulate(joined, value)
            return joined
        case list():
            items: list[Any] = []
            _extend(items, value)
            return items
    return value


def _extend(items: list[Any], values: list[Any]) -> None:
    for value in values:
        index = value.get("index") if isinstance(value, dict) else None
        place = next((item for item in items if index is not None and _index(item) == index), None)
        if place is None:
            items.append(_started(value))
        else:
            accumulate(place, value)


def _index(item: Any) -> Any:
    return item.get("index") if isinstance(item, dict) else None
