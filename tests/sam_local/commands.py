"""Commands of the system, whose failure says what they said."""

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

_LAST_LINES = 20
_STOP_S = 30


class CommandFailed(Exception):
    """A command failed or took too long; the message holds the end of its output."""


def run(
    *command: str | Path, environment: Mapping[str, str] | None = None, directory: Path | None = None, seconds: float
) -> str:
    """Run a command to its end, at most `seconds`, and return its standard output.

    Raises:
        CommandFailed: it cannot be started, ended with another status than 0, or took longer.
    """
    name = " ".join(str(part) for part in command[:3])
    try:
        done = subprocess.run(
            command,
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
        raise CommandFailed(f"{name} ended with status {done.returncode}:\n{last_lines(done.stdout + done.stderr)}")
    return done.stdout


def stop(process: subprocess.Popen[bytes], gently: signal.Signals) -> None:
    """End a process: by this signal, or when that does not help, by force."""
    process.send_signal(gently)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_lines(text: str) -> str:
    """Return as much of a log as a failure should show."""
    return "\n".join(text.splitlines()[-_LAST_LINES:])
