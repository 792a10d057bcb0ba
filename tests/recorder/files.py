"""The files of events/: one event per sample, under the sample's name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).parents[2] / "events"


def get_event_path(name: str) -> Path:
    """Return the path of a sample's event."""
    return EVENTS / f"{name}.json"


def get_function_id(event: Path) -> str:
    """Return the logical id of an event file's function: ChatFunction for the folder chat."""
    return f"{event.resolve().parent.name.removesuffix('_api').capitalize()}Function"


def format_event(event: Mapping[str, Any]) -> str:
    """Return the text of an event's file."""
    return json.dumps(event, indent=2, ensure_ascii=False) + "\n"


def read_event(name: str) -> dict[str, Any]:
    """Return a sample's event."""
    event: dict[str, Any] = json.loads(get_event_path(name).read_text(encoding="utf-8"))
    return event


def replace_all(events: Mapping[str, Mapping[str, Any]]) -> None:
    """Write these events and delete all other event files."""
    for stale in EVENTS.rglob("*.json"):
        stale.unlink()
    for name, event in events.items():
        get_event_path(name).parent.mkdir(parents=True, exist_ok=True)
        get_event_path(name).write_text(format_event(event), encoding="utf-8")
