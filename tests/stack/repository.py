"""Copies of the repository for stacks, so that tests never touch the stack of a developer."""

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

import httpx2

from tests.hand_calculated_costs import CASES, DEFAULT_PROVIDER

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("qwen-gateway")
TIMEOUT_S = 300
BODY = {"model": "qwen-plus", "messages": [{"role": "user", "content": "Who are you?"}]}

CALLER_ENV = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREALLOOKINGKEY00",
    "AWS_SECRET_ACCESS_KEY": "real-looking",
    "AWS_SESSION_TOKEN": "real-looking",
    "AWS_REGION": "eu-central-1",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
}
"""Variables of a developer's shell. Any call that obeys them and leaves loopback fails or reaches a real account."""


class Repository:
    """A copy of the sources of the local stack, and the operator's command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.local = folder / ".local"
        for name in ("template.yaml", "samconfig.toml"):
            shutil.copy(ROOT / name, folder / name)
        for name in ("events", "functions", "layers", "requirements"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / ".tools").symlink_to(ROOT / ".tools")
        self._disable_cooldown()
        self._add_routes()

    @property
    def stack(self) -> dict[str, Any]:
        """The contents of stack.json."""
        document: dict[str, Any] = json.loads((self.local / "stack.json").read_text(encoding="utf-8"))
        return document

    def copy_build(self, other: "Repository") -> None:
        """Copy the build of another repository with the same sources."""
        shutil.copytree(other.local / "build", self.local / "build")
        shutil.copy(other.local / "build.stamp", self.local / "build.stamp")

    def run(self, *arguments: str, environment: Mapping[str, str] = CALLER_ENV) -> subprocess.CompletedProcess[str]:
        """Run the command to its end. It would hang if a remaining process held the pipes."""
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
        """Set the cooldown to 0, so that a failure in one test does not reorder the targets in the next."""
        settings = self.folder / "layers" / "qwen_gateway" / "qwen_gateway" / "gateway.toml"
        text = settings.read_text(encoding="utf-8")
        assert text.count("cooldown = 10") == 1
        settings.write_text(text.replace("cooldown = 10", "cooldown = 0"), encoding="utf-8")

    def _add_routes(self) -> None:
        """Give every priced model of a provider that is not the default one a route `provider/model`."""
        settings = self.folder / "layers" / "qwen_gateway" / "qwen_gateway" / "gateway.toml"
        text = settings.read_text(encoding="utf-8")
        assert text.count("[routes]\n") == 1
        others = {(case.provider, case.model) for case in CASES if case.provider != DEFAULT_PROVIDER}
        routes = "".join(
            f'"{provider}/{model}" = [{{ model = "{model}", provider = "{provider}" }}]\n'
            for provider, model in sorted(others)
        )
        settings.write_text(text.replace("[routes]\n", f"[routes]\n{routes}"), encoding="utf-8")

    @contextmanager
    def run_in_foreground(
        self, *arguments: str, environment: Mapping[str, str] = CALLER_ENV
    ) -> Iterator["ForegroundCommand"]:
        """Run `up` in the foreground within the context."""
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

    def list_processes(self) -> list[int]:
        """Return the processes of this repository's stack: their HOME lies in it."""
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
    """A running `up` in the foreground."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output_file = output

    @property
    def output(self) -> str:
        """The output so far."""
        return self._output_file.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Wait until the welcome lines are printed."""
        wait_until(lambda: "Ctrl-C stops it." in self.output or self._process.poll() is not None)
        assert self._process.poll() is None, self.output

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command only, not to its child processes."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        return self._process.wait(timeout=TIMEOUT_S)


def post(stack: dict[str, Any]) -> httpx2.Response:
    """Make a chat call of a stack, and return the response."""
    with httpx2.Client(trust_env=False, timeout=30) as client:
        headers = {"authorization": f"Bearer {stack['api_key']}"}
        return client.post(f"{stack['base_url']}/chat/completions", json=BODY, headers=headers)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; fail after the timeout."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


def read_environment(entry: Path) -> bytes:
    """Return the environment of a process, or nothing if it cannot be read."""
    try:
        return (entry / "environ").read_bytes()
    except OSError:
        return b""
