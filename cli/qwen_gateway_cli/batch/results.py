"""The file of results: one JSON object per line, written as soon as the result arrives."""

import fcntl
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from qwen_gateway_cli.batch.lines import Line
from qwen_gateway_cli.console import refuse

_PREFIX = b'{"line": '


class Results:
    """The results of one file of prompts. A lock allows one writer at a time.

    An answer of an earlier run is kept if its line still has the same request. Failures are removed, so that they are
    retried, and so is an incomplete last line.

    Raises:
        CommandRefused: the file cannot be written, or contains something else or answers to other requests.
    """

    def __init__(self, path: Path, lines: Sequence[Line]) -> None:
        self._path = path
        self._file = _open_locked(path)
        self._file.seek(0)
        earlier = self._file.read()
        kept = _select_answers(path, earlier, {line.number: line.fingerprint for line in lines})
        self.answered = frozenset(kept)
        """The numbers of the answered lines."""
        content = b"".join(raw + b"\n" for raw in kept.values())
        if content != earlier:
            self._replace(content)

    def add(self, line: Line, result: Mapping[str, Any]) -> None:
        """Write the result of a line and flush it, so that it survives a kill of the program."""
        own_id = {} if line.id is None else {"id": line.id}
        document = {"line": line.number, **own_id, "request": line.fingerprint, **result}
        text = json.dumps(document, ensure_ascii=False)
        # A model can return half of a surrogate pair, which stays an escape sequence in JSON.
        self._file.write(text.encode("utf-8", "backslashreplace") + b"\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _replace(self, content: bytes) -> None:
        """Replace the file atomically, so that an interruption loses no answer."""
        draft = self._path.with_name(f"{self._path.name}.new")
        draft.unlink(missing_ok=True)
        replacement = _open_locked(draft)
        replacement.write(content)
        replacement.flush()
        draft.replace(self._path)
        self._file.close()
        self._file = replacement


def _open_locked(path: Path) -> IO[bytes]:
    if path.exists() and not path.is_file():
        refuse(f"{path} is no file to write results to. Name another one with --output.")
    try:
        file = path.open("ab+")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        refuse(f"Another run writes to {path}. Wait for it, or name another file with --output.")
    except OSError as failure:
        refuse(f"{path} cannot be written: {failure.strerror}.")
    return file


def _select_answers(path: Path, earlier: bytes, fingerprints: Mapping[int, str]) -> dict[int, bytes]:
    """Return the lines with answers to the current requests, by the number of their prompt."""
    kept: dict[int, bytes] = {}
    written = [raw for raw in earlier.split(b"\n") if raw]
    if written and _is_incomplete(written[-1]):
        written.pop()
    for position, raw in enumerate(written, start=1):
        match _parse_json(raw):
            case {"line": int(), "request": str(), "error": _}:
                pass
            case {"line": int(number), "request": str(request)} if fingerprints.get(number) == request:
                kept[number] = raw
            case {"line": int(number), "request": str()}:
                refuse(
                    f"{path} has the answer to another request for line {number}: prompts or --model were changed "
                    "since. Name another file with --output, or remove this one."
                )
            case _:
                refuse(f"{path}: line {position} is no result of this command. Name another file with --output.")
    return kept


def _is_incomplete(raw: bytes) -> bool:
    return raw.startswith(_PREFIX[: len(raw)]) and _parse_json(raw) is None


def _parse_json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
