"""Claude Code without a terminal (`claude -p`), configured by the two lines of README, edits a file with its tools."""

import os
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.stack.clients.openai_clients import NODE

PACKAGE = Path(__file__).parent / "claude_code/node_modules"
TIMEOUT_S = 120

pytestmark = pytest.mark.thorough


def run_claude(stack: dict[str, Any], folder: Path, prompt: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run Claude Code in a folder, with a home of its own."""
    if not (PACKAGE / "ready").exists():
        pytest.fail("Claude Code is not installed: run `make tests/stack/clients/claude_code/node_modules/ready`.")
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "HOME": str(home),
        "PATH": f"{NODE.parent}:{os.defpath}",
        "ANTHROPIC_BASE_URL": stack["base_url"].removesuffix("/v1"),
        "ANTHROPIC_AUTH_TOKEN": stack["api_key"],
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "IS_SANDBOX": "1",
    }
    command = [str(PACKAGE / ".bin/claude"), "-p", prompt, *options]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def test_it_answers(stack: dict[str, Any], provider: httpx2.Client, tmp_path: Path) -> None:
    provider.put("/_control", json={"tool_calls": []})

    done = run_claude(stack, tmp_path, "Say hello.")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "This is a mock of qwen4-max." in done.stdout
    (call,) = provider.get("/_control").json()["calls"]
    assert call["stream"] is True
    assert "system" in {message["role"] for message in call["body"]["messages"]}


def test_it_edits_a_file_with_its_tools(stack: dict[str, Any], provider: httpx2.Client, tmp_path: Path) -> None:
    file = tmp_path / "greeting.txt"
    file.write_text("Hello, moon.\n", encoding="utf-8")
    edit = {"file_path": str(file), "old_string": "moon", "new_string": "world"}
    calls = [
        {"name": "Read", "arguments": {"file_path": str(file)}},
        {"name": "Edit", "arguments": edit},
    ]
    provider.put("/_control", json={"tool_calls": calls})

    done = run_claude(stack, tmp_path, "Greet the world.", "--allowedTools", "Read,Edit")

    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_text(encoding="utf-8") == "Hello, world.\n"
    assert len(provider.get("/_control").json()["calls"]) == 3
