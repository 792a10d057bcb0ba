"""Subprocesses that end with this process, and whose errors include their output."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_LAST_LINES = 20
_START_S = 60
_STOP_S = 30


class CommandFailed(Exception):
    """A command failed or timed out; the message includes the last lines of its output."""


def run(
    *command: str | Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    may_outlive_parent: bool = False,
    seconds: float,
) -> str:
    """Run a command for at most `seconds` and return its standard output.

    Raises:
        CommandFailed: the command cannot be started, fails, or times out.
    """
    name = " ".join(str(part) for part in command[:3])
    try:
        done = subprocess.run(
            command if may_outlive_parent else _tie_to_parent(command),
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise CommandFailed(f"{name}: {failure}") from None
    if done.returncode != 0:
        raise CommandFailed(
            f"{name} ended with status {done.returncode}:\n{_get_last_lines(done.stdout + done.stderr)}"
        )
    return done.stdout


@contextmanager
def run_server(
    *command: str | Path,
    environment: Mapping[str, str] | None = None,
    log: Path,
    is_ready: Callable[[], bool],
) -> Iterator[None]:
    """Run a server within the context. Its output goes to `log`, whose folder is its working directory.

    Raises:
        CommandFailed: the server ends or is not ready in time.
    """
    with log.open("wb") as output:
        # A session of its own keeps Ctrl-C away from the server.
        process = subprocess.Popen(
            _tie_to_parent(command),
            env=environment,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _START_S
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(f"{command[0]} does not start:\n{_get_last_lines(log.read_text(errors='replace'))}")
            time.sleep(0.1)
        yield
    finally:
        _stop(process)


def _tie_to_parent(command: Sequence[str | Path]) -> Sequence[str | Path]:
    """Wrap the command so that Linux terminates it when this process ends, also after SIGKILL."""
    setpriv = shutil.which("setpriv")
    return command if setpriv is None else (setpriv, "--pdeathsig", signal.SIGTERM.name, "--", *command)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _get_last_lines(output: str) -> str:
    return "\n".join(output.splitlines()[-_LAST_LINES:])
