"""What a usage record holds, and what it keeps out."""

import json

from qwen_gateway.ledger import AttemptRecord, restorable, tags
from qwen_gateway.ledger.attributes import from_item, to_item
from tests.builders import usage_record

LONG = "x" * 1_000


def test_a_record_stands_under_its_key_and_its_time() -> None:
    record = usage_record(key_id="Key000000001", created=1_790_000_000)
    kept = restorable(record)
    assert kept["pk"] == "KEY#Key000000001"
    assert kept["sk"] == f"USE#{record.id}"
    assert kept["created"] == 1_790_000_000


def test_what_is_logged_restores_the_item_through_json() -> None:
    record = usage_record(end_user="u-1", tags={"team": "blue"}, client_retry_count=2)
    logged = json.loads(json.dumps(restorable(record)))
    assert to_item(logged) == to_item(restorable(record))


def test_what_the_provider_did_not_report_is_absent_and_not_zero() -> None:
    item = from_item(to_item(restorable(usage_record(tokens_in=None, tokens_cached=0))))
    assert "tokens_in" not in item
    assert item["tokens_cached"] == 0


def test_every_attempt_is_told() -> None:
    failed = AttemptRecord("dashscope", "qwen3-max", "presumed", 20_000, cause="ProviderTimeout")
    item = from_item(to_item(restorable(usage_record(attempts=(failed,), status=504, outcome="provider_timeout"))))
    assert item["attempts"] == [
        {
            "provider": "dashscope",
            "model": "qwen3-max",
            "charged": "presumed",
            "latency_ms": 20_000,
            "cause": "ProviderTimeout",
        }
    ]


def test_long_texts_of_client_and_provider_are_cut() -> None:
    attempt = AttemptRecord(LONG, LONG, "none", 1, cause=LONG, provider_request_id=LONG)
    record = usage_record(end_user=LONG, model_asked=LONG, tags={LONG: LONG}, attempts=(attempt,))
    kept = from_item(to_item(restorable(record)))
    texts = [kept["end_user"], kept["model_asked"], *kept["attempts"][0].values()]
    assert {len(text) for text in texts if isinstance(text, str) and text.startswith("x")} == {128}
    assert kept["tags"] == {"x" * 128: "x" * 128}


def test_half_a_surrogate_pair_does_not_cost_the_record() -> None:
    kept = restorable(usage_record(end_user="a\ud83d", tags={"\udc00": "b"}))
    json.dumps(kept, ensure_ascii=False).encode()
    assert kept["end_user"] == "a?"


def test_five_tags_are_kept() -> None:
    assert list(tags({f"t{number}": "v" for number in range(9)})) == ["t0", "t1", "t2", "t3", "t4"]


def test_metadata_that_is_no_map_of_texts_gives_no_tags() -> None:
    assert tags(None) == tags(["a"]) == tags("a") == {}
    assert tags({"a": 1, "b": None, "": "c", "d": {"e": "f"}, "g": "h"}) == {"g": "h"}
