"""The fields of a usage record."""

import json

from qwen_gateway.ledger import AttemptRecord, parse_tags, record_fields
from qwen_gateway.ledger.dynamodb import from_item, to_item
from qwen_gateway.usage import Usage
from tests.builders import usage_record

LONG = "x" * 1_000


def test_the_primary_key_contains_the_key_id_and_the_ulid() -> None:
    record = usage_record(key_id="Key000000001", created=1_790_000_000)
    fields = record_fields(record)
    assert fields["pk"] == "KEY#Key000000001"
    assert fields["sk"] == f"USE#{record.id}"
    assert fields["created"] == 1_790_000_000


def test_the_item_can_be_restored_from_json() -> None:
    record = usage_record(end_user="u-1", tags={"team": "blue"}, client_retry_count=2)
    logged = json.loads(json.dumps(record_fields(record)))
    assert to_item(logged) == to_item(record_fields(record))


def test_unreported_token_counts_are_absent_and_not_zero() -> None:
    item = from_item(to_item(record_fields(usage_record(usage=Usage(tokens_cached=0)))))
    assert "tokens_in" not in item
    assert item["tokens_cached"] == 0


def test_every_attempt_is_recorded() -> None:
    failed = AttemptRecord("dashscope", "qwen4-max", "presumed", 20_000, cause="ProviderTimeout")
    item = from_item(to_item(record_fields(usage_record(attempts=(failed,), status=504, outcome="provider_timeout"))))
    assert item["attempts"] == [
        {
            "provider": "dashscope",
            "model": "qwen4-max",
            "charged": "presumed",
            "latency_ms": 20_000,
            "cause": "ProviderTimeout",
        }
    ]


def test_long_texts_are_truncated() -> None:
    attempt = AttemptRecord(LONG, LONG, "none", 1, cause=LONG, provider_request_id=LONG)
    record = usage_record(end_user=LONG, model_asked=LONG, tags={LONG: LONG}, attempts=(attempt,))
    fields = from_item(to_item(record_fields(record)))
    texts = [fields["end_user"], fields["model_asked"], *fields["attempts"][0].values()]
    assert {len(text) for text in texts if isinstance(text, str) and text.startswith("x")} == {128}
    assert fields["tags"] == {"x" * 128: "x" * 128}


def test_half_a_surrogate_pair_is_replaced() -> None:
    fields = record_fields(usage_record(end_user="a\ud83d", tags={"\udc00": "b"}))
    json.dumps(fields, ensure_ascii=False).encode()
    assert fields["end_user"] == "a?"


def test_only_the_first_five_tags_are_kept() -> None:
    assert list(parse_tags({f"t{number}": "v" for number in range(9)})) == ["t0", "t1", "t2", "t3", "t4"]


def test_metadata_of_other_types_is_ignored() -> None:
    assert parse_tags(None) == parse_tags(["a"]) == parse_tags("a") == {}
    assert parse_tags({"a": 1, "b": None, "": "c", "d": {"e": "f"}, "g": "h"}) == {"g": "h"}
