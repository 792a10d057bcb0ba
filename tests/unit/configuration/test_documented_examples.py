"""The configuration examples of docs/operations.md are valid and have the documented effect."""

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
RESELLER_LAST, RESELLER_LAST_ONE_STACK, OWN_SERVER, OWN_SERVER_ALONE = EXAMPLES
MAX_LENGTH_ON_AWS = 150


def parse(example: dict[str, Any]) -> Configuration:
    return config.parse("", example)


@pytest.mark.parametrize("example", [RESELLER_LAST, RESELLER_LAST_ONE_STACK])
def test_a_reseller_can_be_the_last_resort(example: dict[str, Any]) -> None:
    assert Routes(parse(example)).targets("qwen-plus") == (
        Target("dashscope", "qwen-plus"),
        Target("holysheep", "qwen-plus"),
    )


def test_the_example_for_one_stack_fits_the_length_limit_on_aws() -> None:
    assert len(json.dumps(RESELLER_LAST_ONE_STACK)) <= MAX_LENGTH_ON_AWS


def test_a_self_hosted_server_is_called_without_a_key() -> None:
    configuration = parse(OWN_SERVER)

    assert Routes(configuration).targets("qwen-plus") == (Target("ollama", "qwen3:8b"),)
    assert [name for name, provider in configuration.providers.items() if not provider.needs_key] == ["ollama"]


def test_a_self_hosted_server_can_serve_every_route() -> None:
    assert Routes(parse(OWN_SERVER_ALONE)).all() == {"qwen-plus": (Target("ollama", "qwen3:8b"),)}
