from qwen_gateway_cli.local.output import format_summary

from .test_lifecycle import STACK


def test_the_summary_has_the_address_the_key_the_provider_and_how_to_stop() -> None:
    text = format_summary(STACK, "dashscope", "Ctrl-C stops it.")

    assert f"curl {STACK.base_url}/chat/completions" in text
    assert STACK.api_key in text
    assert "calls dashscope" in text
    assert text.endswith("Ctrl-C stops it.")
