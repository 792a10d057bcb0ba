"""Nothing of a run stays: not when it is told to end, and after a kill no longer than until the next run begins."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from qwen_gateway_cli.local import process_table
from tests.sam_local.commands import server
from tests.sam_local.daemon import remove_remains
from tests.sam_local.machine import Machine
from tests.sam_local.paths import ROOT
from tests.sam_local.scratch import scratch_folder

RUN = """
import signal
from qwen_gateway_cli.local.interrupts import interrupt_on_signals
from tests.sam_local.commands import server
from tests.sam_local.scratch import scratch_folder

with interrupt_on_signals(), scratch_folder() as folder:
    pid = folder / "pid"
    with server("sh", "-c", "echo $$ > pid; exec sleep 600", log=folder / "log", is_ready=pid.exists):
        print(folder, pid.read_text().strip(), flush=True)
        signal.pause()
"""


class Run(NamedTuple):
    """A run of the tier that holds a folder and a server."""

    process: subprocess.Popen[str]
    folder: Path
    server: int

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(timeout=20)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        folder, pid = process.stdout.readline().split()
        yield Run(process, Path(folder), int(pid))
        process.kill()


def ends(pid: int) -> bool:
    limit = time.monotonic() + 10
    while (seen := process_table.find(pid)) is not None and not seen.ended:
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def test_a_server_ends_when_it_is_needed_no_longer(tmp_path: Path) -> None:
    file = tmp_path / "pid"

    with server("sh", "-c", "echo $$ > pid; exec sleep 600", log=tmp_path / "log", is_ready=file.exists):
        pid = int(file.read_text(encoding="utf-8"))
        assert process_table.find(pid) is not None

    assert ends(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_end_leaves_nothing(run: Run, number: signal.Signals) -> None:
    run.end(number)

    assert ends(run.server)
    assert not run.folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to the one that started it")
def test_what_a_killed_run_had_started_ends_with_it(run: Run) -> None:
    run.end(signal.SIGKILL)

    assert ends(run.server)


def test_the_next_run_removes_the_folder_of_a_killed_one(run: Run) -> None:
    run.end(signal.SIGKILL)
    assert run.folder.exists()

    with scratch_folder() as own:
        assert own.exists()
        assert not run.folder.exists()


def test_the_folder_of_a_run_that_lives_stays(run: Run) -> None:
    with scratch_folder():
        assert run.folder.exists()


@pytest.fixture
def after_a_kill(machine: Machine, tmp_path: Path) -> Path:
    """What a daemon of ours leaves that ended after us: its folder and the bridge."""
    (tmp_path / "devices" / "docker0").mkdir(parents=True)
    machine.add("ip")
    folder = tmp_path / "left"
    folder.mkdir()
    (folder / "bridge-is-ours").touch()
    return folder


def test_the_bridge_of_a_killed_run_goes_too(machine: Machine, after_a_kill: Path) -> None:
    remove_remains(after_a_kill)

    assert machine.calls("ip") == ["link delete docker0"]


def test_a_bridge_that_was_there_before_stays(machine: Machine, after_a_kill: Path) -> None:
    (after_a_kill / "bridge-is-ours").unlink()

    remove_remains(after_a_kill)

    assert machine.calls("ip") == []


def test_a_bridge_that_another_docker_uses_stays(machine: Machine, after_a_kill: Path) -> None:
    machine.add("docker")

    remove_remains(after_a_kill)

    assert machine.calls("ip") == []
