"""Format the failure tables as Markdown for docs/operations.md."""

from collections.abc import Iterator
from itertools import groupby

from tests.failures import rows, streams

END = "<!-- End of the generated table. -->\n"

_FAILURES = (
    "the provider",
    "calls when only target 1 fails",
    "calls when all fail",
    "the client receives",
    "charged",
)
_STREAMS = ("the provider", "the client of the stream receives", "charged", "tokens in the record")

type Line = tuple[str, ...]


def replace_tables(document: str) -> str:
    """Return the document with both tables regenerated between their marks."""
    document = _replace_table(document, "rows.py", _format_table(_FAILURES, map(_format_failure, rows.ROWS)))
    return _replace_table(document, "streams.py", _format_table(_STREAMS, map(_format_stream, streams.ROWS)))


def _replace_table(document: str, source: str, table: str) -> str:
    mark = f"<!-- Made by `make docs` from tests/failures/{source}. -->\n"
    before, begin, rest = document.partition(mark)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the marks are missing: {mark}{END}")
    return before + begin + table + end + after


def _format_table(head: Line, lines: Iterator[Line]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ("---",) * len(head), *lines))


def _format_failure(row: rows.Row) -> Line:
    provider = f"**{row.cause}**: {'; '.join(_group_by_status(row.variants))}"
    return (
        provider,
        row.calls_if_first_fails,
        _format_optional(row.calls_if_all_fail),
        _format_response(row),
        _format_optional(row.charged),
    )


def _group_by_status(variants: tuple[rows.Variant, ...]) -> Iterator[str]:
    """Yield the codes of each HTTP status on one line."""
    for status, group in groupby(
        variants, lambda variant: variant.description.partition(" ")[0] if variant.description[0].isdigit() else ""
    ):
        words = [variant.description.removeprefix(f"{status} ") for variant in group]
        yield f"{status} {', '.join(words)}".strip()


def _format_response(row: rows.Row) -> str:
    if row.calls_if_all_fail is None:
        return "the answer"
    headers = [f"Retry-After {row.retry_after}"] if row.retry_after else []
    headers += ["x-should-retry false"] if row.should_retry else []
    return ", ".join([f"{row.status} `{row.code}`", *headers])


def _format_stream(row: streams.Row) -> Line:
    tokens = "yes" if row.tokens and not row.code else "no"
    return (
        f"**{row.behaviour}**: {', '.join(variant.description for variant in row.variants)}",
        _format_stream_response(row),
        row.charged,
        tokens,
    )


def _format_stream_response(row: streams.Row) -> str:
    if row.fails_before_output:
        return f"{row.status} `{row.code}`" + ("" if row.is_final else ", if no other target answers")
    if row.code:
        return f"200, the output so far, the error `{row.code}`"
    usage = ", the usage if it asked" if row.tokens else ""
    return f"200, the answer, `finish_reason` `{row.finish_reason}`{usage}, `[DONE]`"


def _format_optional(text: str | None) -> str:
    return text or "-"
