"""Times as the command prints them: UTC, and the same everywhere."""

from datetime import UTC, datetime


def utc(moment: float) -> str:
    """Return seconds since 1970 as `2026-11-24T09:00:00Z`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_or_none(moment: float | None) -> str | None:
    """Return a time that may be missing, as `utc` does."""
    return None if moment is None else utc(moment)
