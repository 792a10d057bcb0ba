"""Where a value stands in a TOML file. `tomllib` does not say it."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence

type Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(?P<open>\[\[?)(?P<keys>[^\[\]]+)\]")
_KEY = re.compile(r"""\s*(?P<keys>[A-Za-z0-9_."'-]+)\s*=""")
_ELEMENT = re.compile(r"\s*\{")


def find_line(text: str, path: Sequence[str | int]) -> int:
    """Return the number of the line with the value at a path of keys and indices, or with the last known part of it.

    Understood are tables, arrays of tables, and arrays of inline tables with one table a line.
    """
    best_length, best_line = 0, 1
    for number, position in _positions(text):
        length = len(position)
        if length > best_length and position == tuple(path[:length]):
            best_length, best_line = length, number
    return best_line


def _positions(text: str) -> Iterator[tuple[int, Path]]:
    """Yield the path at which each line that starts a value stands."""
    table: Path = ()
    key: Path = ()
    tables: Counter[Path] = Counter()
    elements = 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table, key = _split(header["keys"]), ()
            if header["open"] == "[[":
                tables[table] += 1
                table = (*table, tables[table] - 1)
            yield number, table
        elif assignment := _KEY.match(line):
            key, elements = _split(assignment["keys"]), 0
            yield number, table + key
        elif _ELEMENT.match(line):
            yield number, (*table, *key, elements)
            elements += 1


def _split(keys: str) -> Path:
    """Return the parts of a dotted key, which may be quoted."""
    path: list[str] = []
    document: object = tomllib.loads(f"{keys} = 0")
    while isinstance(document, dict):
        ((name, document),) = document.items()
        path.append(name)
    return tuple(path)
