"""UTC timestamps in the command's output."""

from datetime import UTC, datetime


def format_utc(timestamp: float) -> str:
    """Return seconds since 1970 in the form `2026-11-24T09:00:00Z`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_optional_utc(timestamp: float | None) -> str | None:
    """Return a timestamp as `format_utc` does, None for None."""
    return None if timestamp is None else format_utc(timestamp)
