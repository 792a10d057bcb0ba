import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qwen_gateway_cli.local import process_table
from qwen_gateway_cli.local import processes as module
from qwen_gateway_cli.local.processes import Process, Processes

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
LIMIT_S = 10


def eventually(condition: Callable[[], bool]) -> bool:
    limit = time.monotonic() + LIMIT_S
    while not condition() and time.monotonic() < limit:
        time.sleep(0.01)
    return condition()


class ScratchProcesses:
    """Processes in a scratch folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "processes.json"
        self.processes = Processes(self.record)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def start(self, name: str, script: str) -> Process:
        return self.processes.start(name, ["sh", "-c", script], ENVIRONMENT, self.folder, self.log(name))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[ScratchProcesses]:
    scratch = ScratchProcesses(tmp_path)
    yield scratch
    scratch.processes.stop(scratch.processes.recorded())


@pytest.fixture
def short_stop_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.3)


def test_a_stopped_process_is_gone_and_no_longer_recorded(scratch: ScratchProcesses) -> None:
    process = scratch.start("sleeper", "exec sleep 60")
    assert scratch.processes.is_alive(process)

    scratch.processes.stop([process])

    assert process_table.find(process.pid) is None
    assert scratch.processes.recorded() == []
    assert not scratch.record.exists()


def test_a_process_that_could_not_be_recorded_never_starts(
    scratch: ScratchProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scratch.processes, "_write", cut_off)
    with pytest.raises(KeyboardInterrupt):
        scratch.start("late", "echo begun; exec sleep 60")
    monkeypatch.undo()

    (child,) = scratch.processes._children.values()
    assert child.wait(LIMIT_S) != 0
    assert scratch.log("late").read_text() == ""


def test_a_later_command_stops_what_an_earlier_one_started(scratch: ScratchProcesses) -> None:
    process = scratch.start("sleeper", "exec sleep 60")
    later = Processes(scratch.record)

    assert later.recorded() == [process]
    later.stop(later.recorded())

    assert not scratch.processes.is_alive(process)


def test_only_the_named_processes_are_stopped(scratch: ScratchProcesses) -> None:
    first, second = scratch.start("first", "exec sleep 60"), scratch.start("second", "exec sleep 60")

    scratch.processes.stop([first])

    assert scratch.processes.recorded() == [second]
    assert scratch.processes.is_alive(second)


def test_another_process_with_a_recorded_pid_is_not_stopped(scratch: ScratchProcesses) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        mistaken = Process("ministack", stranger.pid, started="long ago")
        assert not scratch.processes.is_alive(mistaken)

        scratch.processes.stop([mistaken])

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.usefixtures("short_stop_timeout")
def test_a_process_that_ignores_sigterm_is_killed(scratch: ScratchProcesses) -> None:
    process = scratch.start("stubborn", "trap '' TERM; echo ready; while :; do sleep 1; done")
    assert eventually(lambda: "ready" in scratch.log("stubborn").read_text())

    scratch.processes.stop([process])

    assert process_table.find(process.pid) is None


def test_child_processes_are_stopped_with_their_parent(scratch: ScratchProcesses) -> None:
    process = scratch.start("parent", "sleep 60 & echo ready; wait")
    assert eventually(lambda: "ready" in scratch.log("parent").read_text())
    assert len(process_table.find_group(process.pid)) > 1

    scratch.processes.stop([process])

    assert process_table.find_group(process.pid) == []


def test_child_processes_of_a_killed_process_are_stopped(scratch: ScratchProcesses) -> None:
    process = scratch.start("parent", "sleep 60 & echo ready; wait")
    assert eventually(lambda: "ready" in scratch.log("parent").read_text())
    os.kill(process.pid, signal.SIGKILL)
    assert eventually(lambda: not scratch.processes.is_alive(process))
    assert process_table.find_group(process.pid)

    scratch.processes.stop([process])

    assert process_table.find_group(process.pid) == []


def test_a_process_leads_its_own_session_and_writes_to_its_log_alone(
    scratch: ScratchProcesses, capfd: pytest.CaptureFixture[str]
) -> None:
    process = scratch.start("talker", "echo said; echo wrong >&2; exec sleep 60")
    assert eventually(lambda: "wrong" in scratch.log("talker").read_text())

    assert os.getsid(process.pid) == process.pid
    assert capfd.readouterr() == ("", "")


def test_a_process_sees_the_given_environment_alone(scratch: ScratchProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    status = scratch.processes.run("env", ["env"], ENVIRONMENT, scratch.folder, scratch.log("env"))

    assert status == 0
    assert scratch.log("env").read_text() == "PATH=/usr/bin:/bin\n"


def test_a_run_returns_the_exit_status_and_leaves_nothing_recorded(scratch: ScratchProcesses) -> None:
    assert (
        scratch.processes.run("failing", ["sh", "-c", "exit 3"], ENVIRONMENT, scratch.folder, scratch.log("failing"))
        == 3
    )
    assert scratch.processes.recorded() == []


def test_an_interrupted_run_leaves_nothing_running(scratch: ScratchProcesses) -> None:
    script = f"sleep 60 & kill -INT {os.getpid()}; wait"

    with pytest.raises(KeyboardInterrupt):
        scratch.processes.run("build", ["sh", "-c", script], ENVIRONMENT, scratch.folder, scratch.log("build"))

    assert scratch.processes.recorded() == []


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps is what macOS asks; this machine has none")
def test_proc_and_ps_agree(scratch: ScratchProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    process = scratch.start("sleeper", "exec sleep 60")
    ways = []
    for has_proc in (True, False):
        monkeypatch.setattr(process_table, "_HAS_PROC", has_proc)
        seen = process_table.find(process.pid)
        assert seen is not None
        ways.append((seen.pid, seen.group, seen.ended, [each.pid for each in process_table.find_group(process.pid)]))

    assert ways[0] == ways[1] == (process.pid, process.pid, False, [process.pid])
