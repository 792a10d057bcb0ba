"""A run removes everything when it ends; after a kill, the next run does."""

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
from tests.sam_local.commands import run_server
from tests.sam_local.daemon import remove_leftovers
from tests.sam_local.fake_machine import FakeMachine
from tests.sam_local.sam import ROOT
from tests.sam_local.temporary_folder import hold_temporary_folder

RUN = """
import signal
from qwen_gateway_cli.interrupts import interrupt_on_signals
from tests.sam_local.commands import run_server
from tests.sam_local.temporary_folder import hold_temporary_folder

with interrupt_on_signals(), hold_temporary_folder() as folder:
    pid = folder / "pid"
    with run_server("sh", "-c", "echo $$ > pid; exec sleep 600", log=folder / "log", is_ready=pid.exists):
        print(folder, pid.read_text().strip(), flush=True)
        signal.pause()
"""


class Run(NamedTuple):
    """A process that holds a temporary folder and runs a server."""

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


def has_ended(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while (process := process_table.find(pid)) is not None and not process.ended:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_server_ends_with_its_context(tmp_path: Path) -> None:
    file = tmp_path / "pid"

    with run_server("sh", "-c", "echo $$ > pid; exec sleep 600", log=tmp_path / "log", is_ready=file.exists):
        pid = int(file.read_text(encoding="utf-8"))
        assert process_table.find(pid) is not None

    assert has_ended(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_its_server_and_removes_its_folder(run: Run, number: signal.Signals) -> None:
    run.end(number)

    assert has_ended(run.server)
    assert not run.folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="setpriv --pdeathsig needs Linux")
def test_the_server_of_a_killed_run_ends(run: Run) -> None:
    run.end(signal.SIGKILL)

    assert has_ended(run.server)


def test_the_next_run_removes_the_folder_of_a_killed_one(run: Run) -> None:
    run.end(signal.SIGKILL)
    assert run.folder.exists()

    with hold_temporary_folder() as own:
        assert own.exists()
        assert not run.folder.exists()


def test_the_folder_of_an_active_run_is_kept(run: Run) -> None:
    with hold_temporary_folder():
        assert run.folder.exists()


@pytest.fixture
def killed_run(machine: FakeMachine, tmp_path: Path) -> Path:
    """Return the folder of a killed run whose private daemon left a bridge."""
    (tmp_path / "devices" / "docker0").mkdir(parents=True)
    machine.add("ip")
    folder = tmp_path / "left"
    folder.mkdir()
    (folder / "bridge-is-ours").touch()
    return folder


def test_the_bridge_of_a_killed_run_is_removed(machine: FakeMachine, killed_run: Path) -> None:
    remove_leftovers(killed_run)

    assert machine.calls("ip") == ["link delete docker0"]


def test_a_bridge_that_existed_before_is_kept(machine: FakeMachine, killed_run: Path) -> None:
    (killed_run / "bridge-is-ours").unlink()

    remove_leftovers(killed_run)

    assert machine.calls("ip") == []


def test_a_bridge_that_another_daemon_uses_is_kept(machine: FakeMachine, killed_run: Path) -> None:
    machine.add("docker")

    remove_leftovers(killed_run)

    assert machine.calls("ip") == []
