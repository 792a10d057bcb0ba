"""What may be shown of a finding."""

from qwen_gateway_cli.doctor.finding import Finding, State


def shown(found: str, *keys: str) -> str:
    return Finding("holysheep", "chat", State.FAILED, found, found).redact(keys).found


def test_a_quoted_key_is_left_out_of_findings_and_advice() -> None:
    finding = Finding("holysheep", "chat", State.FAILED, "wrong: hs-secret-1", "drop hs-secret-1").redact(
        ["hs-secret-1"]
    )

    assert (finding.found, finding.advice) == ("wrong: [key]", "drop [key]")


def test_a_word_is_no_key() -> None:
    assert shown("the latest test", "test") == "the latest test"


def test_a_providers_message_is_one_line_of_plain_text() -> None:
    assert shown("one\r\n\x1b[31mtwo\x00  three") == "one [31mtwo three"
    assert len(shown("x" * 10_000)) == 303
