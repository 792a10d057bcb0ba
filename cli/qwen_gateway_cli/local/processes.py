"""The processes of the local stack: started in their own sessions, recorded in a file, and stopped.

Each process leads its own session, so that Ctrl-C on the terminal reaches only `up`, and writes its output to a log.
The record contains a process and its start time before the process runs its command, so that a later command stops
exactly these processes and never another one with the same pid.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, cast

from qwen_gateway_cli.interrupts import defer_interrupts
from qwen_gateway_cli.local import process_table

STOP_TIMEOUT_S = 5.0
"""Seconds between SIGTERM and SIGKILL."""

_START_GATE = 'read -r go && exec /usr/bin/env -u PWD -u OLDPWD -u SHLVL -u _ "$@" </dev/null'
"""The process waits for a line on its standard input before it runs its command. When the parent is killed before it
has recorded the process, the pipe closes and the process exits. `env -u` removes the variables that a shell adds."""
_POLL_S = 0.02
_TAIL_LINES = 15


class Process(NamedTuple):
    """A process of the stack. `started` distinguishes it from a later process with the same pid."""

    name: str
    pid: int
    started: str


class Processes:
    """Starts and stops processes, and records the running ones in the file `record`."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def recorded(self) -> list[Process]:
        """Return the processes that this or an earlier command started and that are not stopped yet."""
        try:
            rows = json.loads(self._record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [Process(**row) for row in rows]

    def start(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], directory: Path, log: Path
    ) -> Process:
        """Start a process that outlives this command; `log` is truncated and receives its output."""
        with defer_interrupts(), log.open("wb") as output:
            child = subprocess.Popen(
                ["/bin/sh", "-c", _START_GATE, "sh", *command],
                cwd=directory,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._children[child.pid] = child
            entry = process_table.find(child.pid)
            process = Process(name, child.pid, entry.started if entry else "")
            with suppress(BrokenPipeError), cast("IO[bytes]", child.stdin) as gate:
                self._write([*self.recorded(), process])
                gate.write(b"\n")
        return process

    def run(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], directory: Path, log: Path
    ) -> int:
        """Run a process to its end and return its exit status. An interrupt stops the process."""
        before = self.recorded()
        try:
            process = self.start(name, command, environment, directory, log)
            return self._children[process.pid].wait()
        finally:
            # `start` itself may raise the interrupt, after it has recorded the process.
            self.stop([process for process in self.recorded() if process not in before])

    def is_alive(self, process: Process) -> bool:
        """Return whether the process runs; false for another process with the same pid."""
        if (child := self._children.get(process.pid)) is not None:
            return child.poll() is None
        entry = process_table.find(process.pid)
        return entry is not None and entry.started == process.started and not entry.ended

    def stop(self, processes: Sequence[Process]) -> None:
        """Stop these processes and their process groups; return when all have ended."""
        for process in processes:
            if self.is_alive(process):
                _send(process.pid, signal.SIGTERM)
        self._wait_until(lambda: not any(self.is_alive(process) for process in processes))
        for process in processes:
            for entry in self._find_group(process):
                _send(entry.pid, signal.SIGKILL)
        self._wait_until(lambda: not any(self._is_listed(process) for process in processes))
        stopped = {process.pid for process in processes}
        self._write([process for process in self.recorded() if process.pid not in stopped])

    def _find_group(self, process: Process) -> list[process_table.ProcessEntry]:
        """Return the group of a process. The system does not reuse a group's id while it has members."""
        leader = process_table.find(process.pid)
        if leader is not None and leader.started != process.started:
            return []
        return process_table.find_group(process.pid)

    def _is_listed(self, process: Process) -> bool:
        """Return whether the process table contains the process or its group, also as a zombie."""
        self.is_alive(process)
        entry = process_table.find(process.pid)
        return (entry is not None and entry.started == process.started) or bool(self._find_group(process))

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while not condition() and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def _write(self, processes: Sequence[Process]) -> None:
        if not processes:
            self._record.unlink(missing_ok=True)
            return
        draft = self._record.with_suffix(".new")
        draft.write_text(json.dumps([process._asdict() for process in processes]), encoding="utf-8")
        draft.replace(self._record)


def quote_log_end(log: Path, lines: int = _TAIL_LINES) -> str:
    """Return a sentence with the last lines of a log, for an error message."""
    end = read_tail(log, lines)
    return f"The end of {log}:\n{end}" if end else f"Its log is empty: {log}"


def read_tail(log: Path, lines: int) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
