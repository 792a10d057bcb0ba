"""Start and shutdown of the program; its function processes never outlive it."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.apigateway.gateways import Route, run_gateway, settings, template
from tests.integration.apigateway.scripted_function import is_alive, scripted, wait_until

IGNORES_SIGTERM = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)

def handle(event, context):
    pathlib.Path(os.environ["FOLDER"], "process").write_text(str(os.getpid()))
    pathlib.Path(os.environ["FOLDER"], "busy").touch()
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_idle_process_ends_with_the_gateway(tmp_path: Path, number: signal.Signals) -> None:
    with scripted(tmp_path) as gateway:
        process = int(gateway.ask("/v1/do").body)
        gateway.end(number)
        wait_until(lambda: not is_alive(process))


def test_a_busy_process_ends_with_the_gateway_and_its_client_gets_a_502(tmp_path: Path) -> None:
    with scripted(tmp_path) as gateway, ThreadPoolExecutor(1) as clients:
        process = int(gateway.ask("/v1/do").body)
        call = clients.submit(gateway.ask, "/v1/do", "wait")
        wait_until((tmp_path / "began-wait").exists)
        gateway.end()

        assert call.result().status == 502
        assert not is_alive(process)


def test_a_busy_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    gateway_settings = settings(
        tmp_path, template([Route("/v1/do", "IgnoresSigterm")]), {"IgnoresSigterm": IGNORES_SIGTERM}
    )
    with run_gateway(tmp_path, gateway_settings) as gateway, ThreadPoolExecutor(1) as clients:
        call = clients.submit(gateway.ask, "/v1/do")
        wait_until((tmp_path / "busy").exists)
        gateway.end()

        assert not is_alive(int((tmp_path / "process").read_text(encoding="utf-8")))
        assert call.result().status == 502


def test_a_process_leads_its_own_session(tmp_path: Path) -> None:
    with scripted(tmp_path) as gateway:
        process = int(gateway.ask("/v1/do").body)

        assert os.getsid(process) == process


def test_nothing_runs_before_the_first_call(tmp_path: Path) -> None:
    with scripted(tmp_path) as gateway:
        gateway.ask("/v1/do", method="OPTIONS")
        gateway.ask("/v1/unknown")

    assert not (tmp_path / "logs" / "Scripted.log").exists()


def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    with scripted(tmp_path) as gateway:
        port = int(gateway.url.rpartition(":")[2])
        second = tmp_path / "second"
        second.mkdir()
        file = second / "gateway.json"
        settings(
            second, template([Route("/v1/do", "IgnoresSigterm")]), {"IgnoresSigterm": IGNORES_SIGTERM}, port=port
        ).write(file)
        command = [sys.executable, "-m", "qwen_gateway_cli.local.apigateway", str(file)]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Port {port} cannot be used: ")
