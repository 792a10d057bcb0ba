import json
import shlex

import pytest

from qwen_gateway_cli.examples import format_curl_example, format_examples, format_python_example

URL = "https://api.example.com/api/v1"
KEY = "sk-qg-example"


@pytest.mark.parametrize(("api_key", "shown"), [(KEY, KEY), (None, "$QWEN_GATEWAY_KEY")])
def test_the_curl_line_is_one_shell_command_with_address_key_and_question(api_key: str | None, shown: str) -> None:
    words = shlex.split(format_curl_example(URL, api_key))

    assert words[:2] == ["curl", f"{URL}/chat/completions"]
    assert f"Authorization: Bearer {shown}" in words
    assert json.loads(words[words.index("-d") + 1])["model"] == "qwen-plus"


def test_the_shell_replaces_the_variable_of_the_curl_line() -> None:
    assert '"Authorization: Bearer $QWEN_GATEWAY_KEY"' in format_curl_example(URL)


@pytest.mark.parametrize(("api_key", "shown"), [(KEY, f'"{KEY}"'), (None, 'os.environ["QWEN_GATEWAY_KEY"]')])
def test_the_python_lines_are_python_with_address_and_key(api_key: str | None, shown: str) -> None:
    lines = format_python_example(URL, api_key)

    compile(lines, "pasted", "exec")
    assert URL in lines
    assert shown in lines
    assert ("import os" in lines) == (api_key is None)


def test_the_examples_are_the_curl_line_and_the_python_lines() -> None:
    text = format_examples(URL, KEY)

    assert format_curl_example(URL, KEY) in text
    assert format_python_example(URL, KEY) in text
