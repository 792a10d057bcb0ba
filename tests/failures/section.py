"""The table as docs/operations.md shows it."""

from collections.abc import Iterator
from itertools import groupby

from tests.failures.rows import ROWS, Row, Way

BEGIN = "<!-- Made by `make docs` from tests/failures/rows.py. -->\n"
END = "<!-- The end of what is made. -->\n"

_COLUMNS = (
    "the provider",
    "calls when only target 1 fails",
    "calls when all fail",
    "the client then gets",
    "charged",
)


def replaced(document: str) -> str:
    """Return the document with the table in its place anew."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the marks are missing: {BEGIN}{END}")
    return before + BEGIN + _table() + END + after


def _table() -> str:
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *map(_cells, ROWS)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    provider = f"**{row.cause}**: {'; '.join(_grouped(row.ways))}"
    return provider, row.alone, _or_dash(row.by_all), _told(row), _or_dash(row.charged)


def _grouped(ways: tuple[Way, ...]) -> Iterator[str]:
    """Give the codes of one status together."""
    for status, group in groupby(ways, lambda way: way.words.partition(" ")[0] if way.words[0].isdigit() else ""):
        words = [way.words.removeprefix(f"{status} ") for way in group]
        yield f"{status} {', '.join(words)}".strip()


def _told(row: Row) -> str:
    if row.by_all is None:
        return "the answer"
    headers = [f"Retry-After {row.retry_after}"] if row.retry_after else []
    headers += ["x-should-retry false"] if row.should_retry else []
    return ", ".join([f"{row.status} `{row.code}`", *headers])


def _or_dash(text: str | None) -> str:
    return text or "-"
