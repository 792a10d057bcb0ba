"""The operating system's process table, from /proc or else from `ps` (macOS)."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()

# Positions in /proc/PID/stat after the command's name (in proc(5) the state is field 3).
_STATE, _GROUP, _START = 0, 2, 19


class ProcessEntry(NamedTuple):
    """One process. `started` distinguishes it from a later process with the same pid; `ended` means a zombie."""

    pid: int
    group: int
    started: str
    ended: bool


def find(pid: int) -> ProcessEntry | None:
    """Return the process with this pid, or None."""
    if _HAS_PROC:
        return _read_proc(_PROC / str(pid))
    return next((entry for entry in _read_ps() if entry.pid == pid), None)


def find_group(leader: int) -> list[ProcessEntry]:
    """Return the processes of a group, without zombies."""
    if _HAS_PROC:
        found = (_read_proc(folder) for folder in _PROC.iterdir() if folder.name.isdigit())
        entries: Iterator[ProcessEntry] = (entry for entry in found if entry is not None)
    else:
        entries = _read_ps()
    return [entry for entry in entries if entry.group == leader and not entry.ended]


def _read_proc(folder: Path) -> ProcessEntry | None:
    try:
        stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name is in brackets and may itself contain brackets.
    fields = stat.rpartition(")")[2].split()
    return ProcessEntry(int(folder.name), int(fields[_GROUP]), fields[_START], fields[_STATE] in "ZX")


def _read_ps() -> Iterator[ProcessEntry]:
    command = ["ps", "-A", "-o", "pid=,pgid=,stat=,lstart="]
    listing = subprocess.run(
        command, check=True, capture_output=True, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    )
    for line in listing.stdout.splitlines():
        pid, group_id, state, started = line.split(None, 3)
        yield ProcessEntry(int(pid), int(group_id), started.strip(), state.startswith("Z"))
