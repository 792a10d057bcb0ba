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


class Shop:
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
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.processes.stop(shop.processes.recorded())


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.3)


def test_a_stopped_process_is_gone_and_no_longer_written_down(shop: Shop) -> None:
    process = shop.start("sleeper", "exec sleep 60")
    assert shop.processes.lives(process)

    shop.processes.stop([process])

    assert process_table.look(process.pid) is None
    assert shop.processes.recorded() == []
    assert not shop.record.exists()


def test_a_process_that_could_not_be_written_down_never_begins(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shop.processes, "_write", cut_off)
    with pytest.raises(KeyboardInterrupt):
        shop.start("late", "echo begun; exec sleep 60")
    monkeypatch.undo()

    (child,) = shop.processes._children.values()
    assert child.wait(LIMIT_S) != 0
    assert shop.log("late").read_text() == ""


def test_a_later_command_stops_what_an_earlier_one_started(shop: Shop, short_grace: None) -> None:
    process = shop.start("sleeper", "exec sleep 60")
    later = Processes(shop.record)

    assert later.recorded() == [process]
    later.stop(later.recorded())

    assert not shop.processes.lives(process)


def test_only_the_named_processes_are_stopped(shop: Shop) -> None:
    first, second = shop.start("first", "exec sleep 60"), shop.start("second", "exec sleep 60")

    shop.processes.stop([first])

    assert shop.processes.recorded() == [second]
    assert shop.processes.lives(second)


def test_a_process_that_was_given_a_recorded_number_is_left_alone(shop: Shop) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        mistaken = Process("ministack", stranger.pid, started="long ago")
        assert not shop.processes.lives(mistaken)

        shop.processes.stop([mistaken])

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.usefixtures("short_grace")
def test_a_process_that_does_not_heed_sigterm_is_killed(shop: Shop) -> None:
    process = shop.start("stubborn", "trap '' TERM; echo ready; while :; do sleep 1; done")
    assert eventually(lambda: "ready" in shop.log("stubborn").read_text())

    shop.processes.stop([process])

    assert process_table.look(process.pid) is None


def test_what_a_process_started_is_stopped_with_it(shop: Shop) -> None:
    process = shop.start("parent", "sleep 60 & echo ready; wait")
    assert eventually(lambda: "ready" in shop.log("parent").read_text())
    assert len(process_table.group(process.pid)) > 1

    shop.processes.stop([process])

    assert process_table.group(process.pid) == []


def test_what_a_killed_process_left_behind_is_stopped(shop: Shop) -> None:
    process = shop.start("parent", "sleep 60 & echo ready; wait")
    assert eventually(lambda: "ready" in shop.log("parent").read_text())
    os.kill(process.pid, signal.SIGKILL)
    assert eventually(lambda: not shop.processes.lives(process))
    assert process_table.group(process.pid)

    shop.processes.stop([process])

    assert process_table.group(process.pid) == []


def test_a_process_leads_its_own_session_and_writes_to_its_log_alone(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    process = shop.start("talker", "echo said; echo wrong >&2; exec sleep 60")
    assert eventually(lambda: "wrong" in shop.log("talker").read_text())

    assert os.getsid(process.pid) == process.pid
    assert capfd.readouterr() == ("", "")


def test_a_process_sees_the_given_environment_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    status = shop.processes.run("env", ["env"], ENVIRONMENT, shop.folder, shop.log("env"))

    assert status == 0
    assert shop.log("env").read_text() == "PATH=/usr/bin:/bin\n"


def test_a_run_returns_the_exit_status_and_leaves_nothing_written_down(shop: Shop) -> None:
    assert shop.processes.run("failing", ["sh", "-c", "exit 3"], ENVIRONMENT, shop.folder, shop.log("failing")) == 3
    assert shop.processes.recorded() == []


def test_an_interrupted_run_leaves_nothing_running(shop: Shop) -> None:
    script = f"sleep 60 & kill -INT {os.getpid()}; wait"

    with pytest.raises(KeyboardInterrupt):
        shop.processes.run("build", ["sh", "-c", script], ENVIRONMENT, shop.folder, shop.log("build"))

    assert shop.processes.recorded() == []


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps is what macOS asks; this machine has none")
def test_both_ways_of_looking_at_processes_agree(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    process = shop.start("sleeper", "exec sleep 60")
    ways = []
    for has_proc in (True, False):
        monkeypatch.setattr(process_table, "_HAS_PROC", has_proc)
        seen = process_table.look(process.pid)
        assert seen is not None
        ways.append((seen.pid, seen.group, seen.ended, [each.pid for each in process_table.group(process.pid)]))

    assert ways[0] == ways[1] == (process.pid, process.pid, False, [process.pid])
