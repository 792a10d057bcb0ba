"""How the front begins and ends, and that nothing it started outlives it."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.apigateway.gateways import Route, running, settings, template
from tests.integration.apigateway.test_processes import lives, scripted, until

DEAF = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)

def handle(event, context):
    pathlib.Path(os.environ["FOLDER"], "process").write_text(str(os.getpid()))
    pathlib.Path(os.environ["FOLDER"], "busy").touch()
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_idle_process_ends_with_the_front(tmp_path: Path, number: signal.Signals) -> None:
    with scripted(tmp_path) as front:
        process = int(front.ask("/v1/do").body)
        front.end(number)
        until(lambda: not lives(process))


def test_a_busy_process_ends_with_the_front_and_its_caller_is_told(tmp_path: Path) -> None:
    with scripted(tmp_path) as front, ThreadPoolExecutor(1) as clients:
        process = int(front.ask("/v1/do").body)
        call = clients.submit(front.ask, "/v1/do", "wait")
        until((tmp_path / "began-wait").exists)
        front.end()

        assert call.result().status == 502
        assert not lives(process)


def test_a_busy_process_that_does_not_listen_is_ended_all_the_same(tmp_path: Path) -> None:
    front_settings = settings(tmp_path, template([Route("/v1/do", "Deaf")]), {"Deaf": DEAF})
    with running(tmp_path, front_settings) as front, ThreadPoolExecutor(1) as clients:
        call = clients.submit(front.ask, "/v1/do")
        until((tmp_path / "busy").exists)
        front.end()

        assert not lives(int((tmp_path / "process").read_text(encoding="utf-8")))
        assert call.result().status == 502


def test_a_process_does_not_hear_what_the_terminal_tells_the_front(tmp_path: Path) -> None:
    with scripted(tmp_path) as front:
        process = int(front.ask("/v1/do").body)

        assert os.getsid(process) == process


def test_nothing_runs_before_the_first_call(tmp_path: Path) -> None:
    with scripted(tmp_path) as front:
        front.ask("/v1/do", method="OPTIONS")
        front.ask("/v1/unknown")

    assert not (tmp_path / "logs" / "Scripted.log").exists()


def test_a_taken_port_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with scripted(tmp_path) as front:
        port = int(front.url.rpartition(":")[2])
        second = tmp_path / "second"
        second.mkdir()
        file = second / "front.json"
        settings(second, template([Route("/v1/do", "Deaf")]), {"Deaf": DEAF}, port=port).write(file)
        command = [sys.executable, "-m", "qwen_gateway_cli.local.apigateway", str(file)]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Port {port} cannot be used: ")
