"""The examples of docs/operations.md are configurations that the gateway takes, and mean what their text says."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway import config
from qwen_gateway.config import Configuration
from qwen_gateway.routing import Routes, Target

OPERATIONS = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
EXAMPLES: list[Any] = [
    tomllib.loads(text) if language == "toml" else json.loads(text)
    for language, text in re.findall(r"^```(toml|json)\n(.*?)^```$", OPERATIONS, re.MULTILINE | re.DOTALL)
]
RESELLER_LAST, RESELLER_LAST_HERE, OWN_SERVER, OWN_SERVER_ALONE = EXAMPLES
ON_AWS_FIT = 150


def configured(example: dict[str, Any]) -> Configuration:
    return config.parse("", example)


@pytest.mark.parametrize("example", [RESELLER_LAST, RESELLER_LAST_HERE])
def test_a_reseller_can_be_the_last_resort(example: dict[str, Any]) -> None:
    assert Routes(configured(example)).targets("qwen-plus") == (
        Target("dashscope", "qwen-plus"),
        Target("holysheep", "qwen-plus"),
    )


def test_what_is_meant_for_one_stack_on_aws_fits_there() -> None:
    assert len(json.dumps(RESELLER_LAST_HERE)) <= ON_AWS_FIT


def test_a_server_of_ones_own_is_called_without_a_key() -> None:
    configuration = configured(OWN_SERVER)

    assert Routes(configuration).targets("qwen-plus") == (Target("ollama", "qwen3:8b"),)
    assert [name for name, provider in configuration.providers.items() if not provider.needs_key] == ["ollama"]


def test_a_server_of_ones_own_can_answer_for_everything() -> None:
    assert Routes(configured(OWN_SERVER_ALONE)).all() == {"qwen-plus": (Target("ollama", "qwen3:8b"),)}
