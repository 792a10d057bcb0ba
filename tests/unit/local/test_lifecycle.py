import json
import os
import signal
from pathlib import Path

import pytest

from qwen_gateway_cli import interrupts, stackfile
from qwen_gateway_cli.console import CommandRefused
from qwen_gateway_cli.local import preflight, process_table, servers
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.lifecycle import Lifecycle
from qwen_gateway_cli.local.processes import Processes

STACK = stackfile.LocalStack(
    base_url="http://127.0.0.1:8000/v1",
    api_key="sk-qg-test",
    provider_url="http://127.0.0.1:8001",
    aws_endpoint_url="http://127.0.0.1:8002",
    rest_api_url="http://127.0.0.1:8002/restapis/a/api/_user_request_",
    stack_name="qwen-gateway-local",
    keys_table="keys",
    usage_table="usage",
    pids={"front": 1},
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    for folder in (layout.temporary, layout.state, layout.logs, layout.build):
        folder.mkdir(parents=True)
    return layout


def record_stack(layout: Layout, pid: int, started: str) -> None:
    row = {"name": "front", "pid": pid, "started": started}
    layout.processes.write_text(json.dumps([row]))
    stackfile.write(layout.root, STACK)


def test_up_fails_while_a_stack_runs_with_its_address_and_how_to_stop_it(layout: Layout) -> None:
    myself = process_table.find(os.getpid())
    assert myself is not None
    record_stack(layout, myself.pid, myself.started)

    with pytest.raises(CommandRefused, match=r"http://127\.0\.0\.1:8000/v1.*qwen-gateway down"):
        Lifecycle(layout.root).start(port=0, provider=None)

    assert stackfile.read(layout.root) == STACK


def test_the_remains_of_a_dead_stack_are_removed_before_a_new_one(layout: Layout) -> None:
    record_stack(layout, os.getpid(), started="before the last restart")

    with pytest.raises(CommandRefused, match=r"make \.venv"):
        Lifecycle(layout.root).start(port=0, provider=None)

    assert stackfile.read(layout.root) is None
    assert not layout.processes.exists()


def test_down_removes_the_state_and_keeps_build_and_logs(layout: Layout) -> None:
    record_stack(layout, os.getpid(), started="before the last restart")

    stopped = Lifecycle(layout.root).stop()

    assert [process.name for process in stopped] == ["front"]
    assert sorted(path.name for path in layout.local.iterdir()) == ["build", "logs", "up.lock"]


def test_down_without_a_stack_stops_nothing(tmp_path: Path) -> None:
    assert Lifecycle(tmp_path).stop() == []


def test_two_commands_at_once_do_not_collide(layout: Layout) -> None:
    with preflight.hold_lock(layout.lock), pytest.raises(CommandRefused, match="is running in this folder"):
        Lifecycle(layout.root).stop()

    assert Lifecycle(layout.root).stop() == []


def test_an_interrupt_waits_until_the_deferring_block_is_done() -> None:
    done = False

    with pytest.raises(KeyboardInterrupt), interrupts.interrupt_on_signals(), interrupts.defer_interrupts():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        done = True

    assert done


def test_an_address_is_read_only_once_its_line_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "front.log"
    log.write_text('starting\n{"url": "http://127.0.0.1:80')
    assert servers.read_announced_url(log) is None

    log.write_text('starting\n{"url": "http://127.0.0.1:8000"}\nmore\n')
    assert servers.read_announced_url(log) == "http://127.0.0.1:8000"


def test_a_server_that_ends_while_it_starts_fails_with_the_end_of_its_log(layout: Layout) -> None:
    processes = Processes(layout.processes)
    log = layout.log("provider")
    process = processes.start("provider", ["sh", "-c", "echo no port left"], {"PATH": "/bin"}, layout.root, log)

    with pytest.raises(CommandRefused, match=r"(?s)provider ended during its start.*no port left"):
        servers.wait_for(processes, process, log, lambda: None)

    processes.stop([process])


def test_a_server_that_is_never_ready_is_rejected(layout: Layout) -> None:
    processes = Processes(layout.processes)
    log = layout.log("provider")
    process = processes.start("provider", ["sleep", "60"], {"PATH": "/usr/bin:/bin"}, layout.root, log)

    with pytest.raises(CommandRefused, match="was not ready"):
        servers.wait_for(processes, process, log, lambda: None, timeout_s=0.1)

    processes.stop([process])
