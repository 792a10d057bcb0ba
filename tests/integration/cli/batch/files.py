"""What goes into the command and what comes out of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen

KEY = "sk-marked-provider-key"

type Fill = Callable[..., Path]
"""Write a file of prompts from its lines."""


def results_of(path: Path) -> dict[int, dict[str, Any]]:
    """The results beside a file of prompts, by their line; each line is there once."""
    text = path.with_name(f"{path.name}.results.jsonl").read_text(encoding="utf-8")
    written = [json.loads(line) for line in text.splitlines()]
    found = {result["line"]: result for result in written}
    assert len(found) == len(written)
    return found


def asked(provider: RunningMockQwen) -> list[str]:
    """What the provider was asked, in whatever order."""
    return sorted(call["body"]["messages"][-1]["content"] for call in provider.calls())
