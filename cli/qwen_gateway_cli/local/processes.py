"""The processes of the local stack: started apart from the caller, written down, and stopped exactly.

Each is the leader of a session of its own, so that Ctrl-C on the terminal reaches `up` alone, and its output goes
to a log. What was started stands in a file before it does anything, with the time of its start: whoever comes
later stops these processes, and never another one that was given the same number.
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

from qwen_gateway_cli.local import process_table
from qwen_gateway_cli.local.interrupts import deferred

GRACE_S = 5.0
_GATE = 'read -r go && exec /usr/bin/env -u PWD -u OLDPWD -u SHLVL -u _ "$@" </dev/null'
"""A process begins with a line on its standard input. A starter that is killed before it wrote the process down closes
the pipe instead, and the process ends without having begun. What a shell adds to the environment is taken out again."""
_POLL_S = 0.02


class Process(NamedTuple):
    """A process that was started for the stack."""

    name: str
    pid: int
    started: str


class Processes:
    """Starts and stops processes, and keeps their list in the file `record`."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def recorded(self) -> list[Process]:
        """Return what was started and not yet stopped, by this command or an earlier one."""
        try:
            rows = json.loads(self._record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [Process(**row) for row in rows]

    def start(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], directory: Path, log: Path
    ) -> Process:
        """Start a process that lives on by itself; its output goes to `log`, which starts empty."""
        with deferred(), log.open("wb") as output:
            child = subprocess.Popen(
                ["/bin/sh", "-c", _GATE, "sh", *command],
                cwd=directory,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._children[child.pid] = child
            seen = process_table.look(child.pid)
            process = Process(name, child.pid, seen.started if seen else "")
            with suppress(BrokenPipeError), cast("IO[bytes]", child.stdin) as gate:
                self._write([*self.recorded(), process])
                gate.write(b"\n")
        return process

    def run(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], directory: Path, log: Path
    ) -> int:
        """Run a process to its end and return its exit status. Interrupted, it leaves nothing running."""
        before = self.recorded()
        try:
            process = self.start(name, command, environment, directory, log)
            return self._children[process.pid].wait()
        finally:
            # An interrupt may come out of `start` itself, after the process was written down.
            self.stop([process for process in self.recorded() if process not in before])

    def lives(self, process: Process) -> bool:
        """Whether this very process still runs."""
        if (child := self._children.get(process.pid)) is not None:
            return child.poll() is None
        seen = process_table.look(process.pid)
        return seen is not None and seen.started == process.started and not seen.ended

    def stop(self, processes: Sequence[Process]) -> None:
        """Stop these processes and whatever they started in their groups; return when they are gone."""
        for process in processes:
            if self.lives(process):
                _send(process.pid, signal.SIGTERM)
        self._wait_until(lambda: not any(self.lives(process) for process in processes))
        for process in processes:
            for seen in self._left_of(process):
                _send(seen.pid, signal.SIGKILL)
        self._wait_until(lambda: not any(self._is_listed(process) for process in processes))
        stopped = {process.pid for process in processes}
        self._write([process for process in self.recorded() if process.pid not in stopped])

    def _left_of(self, process: Process) -> list[process_table.Seen]:
        """The group of a process. A group's number is not given anew while a member lives, so these are ours."""
        leader = process_table.look(process.pid)
        if leader is not None and leader.started != process.started:
            return []
        return process_table.group(process.pid)

    def _is_listed(self, process: Process) -> bool:
        """Whether the system still shows the process, if only because its parent did not yet take note."""
        self.lives(process)
        seen = process_table.look(process.pid)
        return (seen is not None and seen.started == process.started) or bool(self._left_of(process))

    def _wait_until(self, done: Callable[[], bool]) -> None:
        limit = time.monotonic() + GRACE_S
        while not done() and time.monotonic() < limit:
            time.sleep(_POLL_S)

    def _write(self, processes: Sequence[Process]) -> None:
        if not processes:
            self._record.unlink(missing_ok=True)
            return
        draft = self._record.with_suffix(".new")
        draft.write_text(json.dumps([process._asdict() for process in processes]), encoding="utf-8")
        draft.replace(self._record)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
