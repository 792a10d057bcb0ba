"""Lost usage records in an export of the chat function's log.

The forms are those of CloudWatch: Logs Insights as JSON or CSV, `aws logs filter-log-events`, an export to S3 (gzip),
and lines of JSON, also with a time before them.
"""

import csv
import gzip
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qwen_gateway_cli.console import refuse

_GZIP = b"\x1f\x8b"
_MARK = "usage record lost"
_KEY, _RECORD = re.compile(r"KEY#\w{1,64}"), re.compile(r"USE#[0-9A-HJKMNP-TV-Z]{26}")


def read_lost_records(path: Path) -> list[dict[str, Any]]:
    """Return the lost records of an export, each once, in the order of their time.

    Raises:
        CommandRefused: the file cannot be read, or a line with a lost record is broken.
    """
    found = {(record["pk"], record["sk"]): record for record in map(_check, _find(_read(path)))}
    return sorted(found.values(), key=lambda record: record["sk"])


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data.startswith(_GZIP) else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        return refuse(f"{path} cannot be read: {error}.")


def _find(text: str) -> Iterator[Any]:
    document = _parse(text)
    if document is not None:
        yield from _walk(document)
        return
    for line in text.splitlines():
        if _MARK in line:
            entry = _parse(line[line.find("{") :])
            yield from _walk(entry if entry is not None else _parse_csv(line))


def _walk(value: Any) -> Iterator[Any]:
    """Yield the lost records in a document, in which a log line may be an object, or a text that contains one."""
    match value:
        case {"usage_record": record, "message": str(message)} if message == _MARK:
            yield record
        case dict():
            for each in value.values():
                yield from _walk(each)
        case list():
            for each in value:
                yield from _walk(each)
        case str() if _MARK in value:
            yield from _walk(_parse(value[value.find("{") :]) or refuse(_describe_broken(value)))


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _parse_csv(line: str) -> list[str]:
    csv.field_size_limit(sys.maxsize)
    return [cell for row in csv.reader(io.StringIO(line)) for cell in row if _MARK in cell and "{" in cell] or refuse(
        _describe_broken(line)
    )


def _check(record: Any) -> dict[str, Any]:
    """Return a record that can be put into the table as it is."""
    is_record = (
        isinstance(record, Mapping)
        and _KEY.fullmatch(str(record.get("pk")))
        and _RECORD.fullmatch(str(record.get("sk")))
        and isinstance(record.get("created"), int)
        and not _has_float(record)
    )
    if not is_record:
        refuse(_describe_broken(json.dumps(record)))
    return dict(record)


def _has_float(value: Any) -> bool:
    match value:
        case dict():
            return any(map(_has_float, value.values()))
        case list():
            return any(map(_has_float, value))
    return isinstance(value, float)


def _describe_broken(text: str) -> str:
    return f"A line with a lost record is incomplete or changed: {text[:80]}"
