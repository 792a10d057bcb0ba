"""What the owner pastes after a deployment works on the local stack: the last lines of `make deploy`, and the guide.

On AWS the lines are the same but for the base URL.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.stack.repository import CALLER_ENV, ROOT
from tools.next_steps import show_next_steps
from tools.stage import read_stage

GUIDE = (ROOT / "docs/first-deploy.md").read_text(encoding="utf-8")
STATUS = re.compile(r"^HTTP/1.1 (\d+)")

type Environment = dict[str, str]


@pytest.fixture(autouse=True)
def _environment(account: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process and what it starts the emulated account, and nothing of the developer's."""
    for name in CALLER_ENV:
        monkeypatch.delenv(name, raising=False)
    for name, value in account.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def shown(stack: dict[str, Any], _environment: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last lines of a deployment of the local stack, with the address that answers on this machine."""
    settings = f'[dev.deploy.parameters]\nstack_name = "{stack["stack_name"]}"\n'
    (tmp_path / "samconfig.toml").write_text(settings, encoding="utf-8")
    show_next_steps(read_stage(tmp_path, "dev"))
    text = capsys.readouterr().out
    (address,) = re.findall(r"^The gateway answers at (.*)$", text, re.MULTILINE)
    return text.replace(address, stack["base_url"])


@pytest.fixture
def variables(stack: dict[str, Any], provider: object) -> Environment:
    """Return the variables that the operator sets."""
    return {"BASE_URL": stack["base_url"], "QWEN_GATEWAY_KEY": stack["api_key"]}


def paste(line: str, variables: Environment) -> str:
    """Run a line in a shell, in the repository, and return its output."""
    shell = subprocess.run(
        ["bash", "-euc", line],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert shell.returncode == 0, shell.stdout + shell.stderr
    return shell.stdout


def find_lines(text: str, start: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith(start)]


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")


@needs_curl
def test_the_curl_line_of_a_deployment_works(shown: str, variables: Environment) -> None:
    (line,) = find_lines(shown, "curl ")

    assert "mock" in paste(line, variables)


def test_the_python_lines_of_a_deployment_work(shown: str, variables: Environment) -> None:
    lines = shown[shown.index("import os\n") :]

    assert "mock" in paste(f".venv/bin/python - <<'END'\n{lines}\nEND", variables)


def test_every_command_of_a_deployment_works(shown: str, variables: Environment) -> None:
    commands = find_lines(shown, ".venv/bin/qwen-gateway")

    assert [command.split()[1] for command in commands] == ["secrets", "keys", "doctor"]
    for command in commands:
        paste(command, variables)


@needs_curl
def test_the_curl_lines_of_the_guide_show_what_it_says(variables: Environment) -> None:
    outputs = [paste(line, variables) for line in find_lines(GUIDE, "curl ")]

    first, stream, wrong_key, unknown_route, long_stream = outputs
    statuses = [STATUS.match(output) for output in (first, wrong_key, unknown_route)]
    assert [status and status[1] for status in statuses] == ["200", "401", "404"]
    assert re.search(r"^x-request-id: req_", first, re.MULTILINE)
    assert "x-gateway-attempts: 1" in first
    assert "invalid_api_key" in wrong_key
    assert "unknown_route" in unknown_route
    assert stream.rstrip().endswith("data: [DONE]")
    assert re.search(r"data: \[DONE\]\s+[\d.]+ s$", long_stream.rstrip())


def test_the_python_lines_of_the_guide_work(variables: Environment) -> None:
    (block,) = re.findall(r"(?m)^    \.venv/bin/python[\s\S]*?^    END$", GUIDE)

    output = paste(re.sub(r"(?m)^    ", "", block), variables)

    assert "'qwen-plus'" in output
    assert "mock" in output
