"""What the operating system says of a process: /proc where there is one, `ps` elsewhere (macOS)."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()

# Positions in /proc/PID/stat behind the command's name (proc(5) counts the state as field 3).
_STATE, _GROUP, _START = 0, 2, 19


class Seen(NamedTuple):
    """One process. `started` tells it from a later process of the same number; `ended` means a zombie."""

    pid: int
    group: int
    started: str
    ended: bool


def look(pid: int) -> Seen | None:
    """Return the process of this number, or None."""
    if _HAS_PROC:
        return _from_proc(_PROC / str(pid))
    return next((seen for seen in _from_ps() if seen.pid == pid), None)


def group(leader: int) -> list[Seen]:
    """Return the processes of a group, zombies left out."""
    if _HAS_PROC:
        found = (_from_proc(entry) for entry in _PROC.iterdir() if entry.name.isdigit())
        everything: Iterator[Seen] = (seen for seen in found if seen is not None)
    else:
        everything = _from_ps()
    return [seen for seen in everything if seen.group == leader and not seen.ended]


def _from_proc(entry: Path) -> Seen | None:
    try:
        stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name stands in brackets and may hold anything, brackets too.
    fields = stat.rpartition(")")[2].split()
    return Seen(int(entry.name), int(fields[_GROUP]), fields[_START], fields[_STATE] in "ZX")


def _from_ps() -> Iterator[Seen]:
    command = ["ps", "-A", "-o", "pid=,pgid=,stat=,lstart="]
    listing = subprocess.run(
        command, check=True, capture_output=True, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    )
    for line in listing.stdout.splitlines():
        pid, group_id, state, started = line.split(None, 3)
        yield Seen(int(pid), int(group_id), started.strip(), state.startswith("Z"))
