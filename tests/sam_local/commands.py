"""Commands of the system: whose failure says what they said, and which do not outlive us."""

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
    """A command failed or took too long; the message holds the end of its output."""


def run(
    *command: str | Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    may_outlive_parent: bool = False,
    seconds: float,
) -> str:
    """Run a command to its end, at most `seconds`, and return its standard output.

    Raises:
        CommandFailed: it cannot be started, ended with another status than 0, or took longer.
    """
    name = " ".join(str(part) for part in command[:3])
    try:
        done = subprocess.run(
            command if may_outlive_parent else _end_with_parent(command),
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
        raise CommandFailed(f"{name} ended with status {done.returncode}:\n{_last_lines(done.stdout + done.stderr)}")
    return done.stdout


@contextmanager
def run_server(
    *command: str | Path,
    environment: Mapping[str, str] | None = None,
    log: Path,
    is_ready: Callable[[], bool],
) -> Iterator[None]:
    """Keep a server running for a while; its output goes to `log`, beside which it works.

    Raises:
        CommandFailed: it ends, or is not ready in time.
    """
    with log.open("wb") as output:
        # In a session of its own, so that Ctrl-C reaches us alone.
        process = subprocess.Popen(
            _end_with_parent(command),
            env=environment,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        limit = time.monotonic() + _START_S
        while not is_ready():
            if process.poll() is not None or time.monotonic() > limit:
                raise CommandFailed(f"{command[0]} does not start:\n{_last_lines(log.read_text(errors='replace'))}")
            time.sleep(0.1)
        yield
    finally:
        _stop(process)


def _end_with_parent(command: Sequence[str | Path]) -> Sequence[str | Path]:
    """Have the system terminate the command when we end, however that comes, where it can do so (Linux)."""
    setpriv = shutil.which("setpriv")
    return command if setpriv is None else (setpriv, "--pdeathsig", signal.SIGTERM.name, "--", *command)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_lines(output: str) -> str:
    return "\n".join(output.splitlines()[-_LAST_LINES:])
