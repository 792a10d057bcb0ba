import json
import shlex

from qwen_gateway_cli.local.output import format_curl_example, format_python_example, format_summary

from .test_lifecycle import STACK


def test_the_curl_line_is_one_shell_command_with_address_key_and_question() -> None:
    words = shlex.split(format_curl_example(STACK))

    assert words[:2] == ["curl", f"{STACK.base_url}/chat/completions"]
    assert f"Authorization: Bearer {STACK.api_key}" in words
    assert json.loads(words[words.index("-d") + 1])["model"] == "qwen-plus"


def test_the_python_lines_are_python_with_address_and_key() -> None:
    lines = format_python_example(STACK)

    compile(lines, "pasted", "exec")
    assert STACK.base_url in lines
    assert STACK.api_key in lines


def test_the_summary_has_the_provider_and_how_to_stop() -> None:
    text = format_summary(STACK, "dashscope", "Ctrl-C stops it.")

    assert "calls dashscope" in text
    assert text.endswith("Ctrl-C stops it.")
