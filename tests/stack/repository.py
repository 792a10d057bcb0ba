"""A repository of its own for a stack, so that tests never meet the stack that a developer runs in this one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("qwen-gateway")
TIMEOUT_S = 120

CALLER_ENV = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREALLOOKINGKEY00",
    "AWS_SECRET_ACCESS_KEY": "real-looking",
    "AWS_SESSION_TOKEN": "real-looking",
    "AWS_REGION": "eu-central-1",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
}
"""What a caller's shell may hold. With it in force, whatever left loopback would fail or reach a real account."""


class Repository:
    """A copy of what the local stack is made from, and the operator's command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.local = folder / ".local"
        for name in ("template.yaml", "samconfig.toml"):
            shutil.copy(ROOT / name, folder / name)
        for name in ("events", "functions", "layers", "requirements"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / ".tools").symlink_to(ROOT / ".tools")
        self._disable_cooldown()

    @property
    def stack(self) -> dict[str, Any]:
        """What stack.json says."""
        document: dict[str, Any] = json.loads((self.local / "stack.json").read_text(encoding="utf-8"))
        return document

    def copy_build(self, other: "Repository") -> None:
        """Start from what was built from the same sources already."""
        shutil.copytree(other.local / "build", self.local / "build")
        shutil.copy(other.local / "build.stamp", self.local / "build.stamp")

    def run(self, *arguments: str, environment: Mapping[str, str] = CALLER_ENV) -> subprocess.CompletedProcess[str]:
        """Run the command to its end; it would not come while a process that was left running held the pipes."""
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def _disable_cooldown(self) -> None:
        """What fails in one test is not to be asked last in the next."""
        settings = self.folder / "layers" / "qwen_gateway" / "qwen_gateway" / "gateway.toml"
        text = settings.read_text(encoding="utf-8")
        assert text.count("cooldown = 10") == 1
        settings.write_text(text.replace("cooldown = 10", "cooldown = 0"), encoding="utf-8")

    @contextmanager
    def run_in_foreground(
        self, *arguments: str, environment: Mapping[str, str] = CALLER_ENV
    ) -> Iterator["ForegroundCommand"]:
        """Run `up` in the foreground for a while."""
        output = self.folder / "output"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [COMMAND, "up", *arguments],
                cwd=self.folder,
                env=os.environ | environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            yield ForegroundCommand(process, output)
        finally:
            process.kill()
            process.wait()
            self.run("down")

    def processes(self) -> list[int]:
        """Return the processes that were started for this repository's stack: their home lies in it."""
        mark = f"HOME={self.local}/".encode()
        if Path("/proc/self/environ").exists():
            return [
                int(entry.name)
                for entry in Path("/proc").iterdir()
                if entry.name.isdigit() and mark in read_environment(entry)
            ]
        listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], check=True, capture_output=True)
        return [int(line.split(None, 1)[0]) for line in listing.stdout.splitlines() if mark in line]


class ForegroundCommand:
    """An `up` that was started in the foreground."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output_file = output

    @property
    def output(self) -> str:
        """All that it printed so far."""
        return self._output_file.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Return when the pasteable lines are printed."""
        wait_until(lambda: "Ctrl-C stops it." in self.output or self._process.poll() is not None)
        assert self._process.poll() is None, self.output

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command alone, not to what it started."""
        self._process.send_signal(number)

    def status(self) -> int:
        """Wait for the end and return the exit status."""
        return self._process.wait(timeout=TIMEOUT_S)


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; fail when that takes too long."""
    limit = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.05)


def read_environment(entry: Path) -> bytes:
    """Return the environment of a process of ours, or nothing."""
    try:
        return (entry / "environ").read_bytes()
    except OSError:
        return b""
