"""The file of results: one JSON object a line, each written whole as soon as it is there, and found again later."""

import fcntl
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from qwen_gateway_cli.batch.lines import Line
from qwen_gateway_cli.console import refuse

_BEGINNING = b'{"line": '


class Results:
    """The results of one file of prompts; one run at a time writes to them.

    What an earlier run left is kept when it answers a line as it stands in the file today. Failures are taken out, to
    be tried again, and so is a last line that was cut off.

    Raises:
        CommandRefused: the file holds something else, answers to other requests, or cannot be written.
    """

    def __init__(self, path: Path, lines: Sequence[Line]) -> None:
        self._path = path
        self._file = _locked(path)
        self._file.seek(0)
        before = self._file.read()
        kept = _kept(path, before, {line.number: line.fingerprint for line in lines})
        self.answered = frozenset(kept)
        """The numbers of the lines whose answers are there."""
        whole = b"".join(raw + b"\n" for raw in kept.values())
        if whole != before:
            self._replace(whole)

    def add(self, line: Line, result: Mapping[str, Any]) -> None:
        """Write the result of a line; it is there even if the program is killed afterwards."""
        own_id = {} if line.id is None else {"id": line.id}
        document = {"line": line.number, **own_id, "request": line.fingerprint, **result}
        text = json.dumps(document, ensure_ascii=False)
        # Halves of surrogate pairs, which a model may say, stay what they are in JSON: escapes.
        self._file.write(text.encode("utf-8", "backslashreplace") + b"\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _replace(self, whole: bytes) -> None:
        """Put a shorter file into the place of the old one, at one stroke: a cut in the midst loses no answer."""
        beside = self._path.with_name(f"{self._path.name}.new")
        beside.unlink(missing_ok=True)
        shorter = _locked(beside)
        shorter.write(whole)
        shorter.flush()
        beside.replace(self._path)
        self._file.close()
        self._file = shorter


def _locked(path: Path) -> IO[bytes]:
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


def _kept(path: Path, before: bytes, fingerprints: Mapping[int, str]) -> dict[int, bytes]:
    """Return the answers that hold, by the number of their line."""
    kept: dict[int, bytes] = {}
    written = [raw for raw in before.split(b"\n") if raw]
    if written and _is_cut_off(written[-1]):
        written.pop()
    for place, raw in enumerate(written, start=1):
        match _json(raw):
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
                refuse(f"{path}: line {place} is no result of this command. Name another file with --output.")
    return kept


def _is_cut_off(raw: bytes) -> bool:
    return raw.startswith(_BEGINNING[: len(raw)]) and _json(raw) is None


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
