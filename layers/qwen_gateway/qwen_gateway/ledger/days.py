"""Days in UTC, by name (`yyyy-mm-dd`) and in milliseconds since 1970."""

from datetime import UTC, date, datetime

DAY_MS = 86_400_000


def day_of(now_ms: int) -> str:
    """Return the day of a time."""
    return datetime.fromtimestamp(now_ms // 1_000, UTC).date().isoformat()


def start_of(day: str) -> int:
    """Return the first millisecond of a day.

    Raises:
        ValueError: the text is no day.
    """
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY_MS


def end_of(day: str) -> int:
    """Return the first millisecond after a day."""
    return start_of(day) + DAY_MS
