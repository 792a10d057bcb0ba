"""The tables as docs/operations.md shows them."""

from collections.abc import Iterator
from itertools import groupby

from tests.failures import rows, streams

END = "<!-- The end of what is made. -->\n"

_FAILURES = (
    "the provider",
    "calls when only target 1 fails",
    "calls when all fail",
    "the client then gets",
    "charged",
)
_STREAMS = ("the provider", "the client of a stream reads", "charged", "tokens in the record")

type Line = tuple[str, ...]


def replaced(document: str) -> str:
    """Return the document with the tables in their places anew."""
    document = _put(document, "rows.py", _table(_FAILURES, map(_failure, rows.ROWS)))
    return _put(document, "streams.py", _table(_STREAMS, map(_stream, streams.ROWS)))


def _put(document: str, source: str, table: str) -> str:
    mark = f"<!-- Made by `make docs` from tests/failures/{source}. -->\n"
    before, begin, rest = document.partition(mark)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the marks are missing: {mark}{END}")
    return before + begin + table + end + after


def _table(head: Line, lines: Iterator[Line]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ("---",) * len(head), *lines))


def _failure(row: rows.Row) -> Line:
    provider = f"**{row.cause}**: {'; '.join(_grouped(row.ways))}"
    return provider, row.alone, _or_dash(row.by_all), _told(row), _or_dash(row.charged)


def _grouped(ways: tuple[rows.Way, ...]) -> Iterator[str]:
    """Give the codes of one status together."""
    for status, group in groupby(ways, lambda way: way.words.partition(" ")[0] if way.words[0].isdigit() else ""):
        words = [way.words.removeprefix(f"{status} ") for way in group]
        yield f"{status} {', '.join(words)}".strip()


def _told(row: rows.Row) -> str:
    if row.by_all is None:
        return "the answer"
    headers = [f"Retry-After {row.retry_after}"] if row.retry_after else []
    headers += ["x-should-retry false"] if row.should_retry else []
    return ", ".join([f"{row.status} `{row.code}`", *headers])


def _stream(row: streams.Row) -> Line:
    tokens = "yes" if row.tokens and not row.code else "no"
    return f"**{row.what}**: {', '.join(way.words for way in row.ways)}", _read(row), row.charged, tokens


def _read(row: streams.Row) -> str:
    if row.says_nothing:
        return f"{row.status} `{row.code}`" + ("" if row.is_final else ", if no other target answers")
    if row.code:
        return f"200, what came until then, the error `{row.code}`"
    usage = ", the usage if it asked" if row.tokens else ""
    return f"200, the answer, `finish_reason` `{row.finish}`{usage}, `[DONE]`"


def _or_dash(text: str | None) -> str:
    return text or "-"
