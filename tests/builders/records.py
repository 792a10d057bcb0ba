"""Usage records."""

from typing import Any

from qwen_gateway.ledger import AttemptRecord, UsageRecord
from tests.builders.tokens import KEY_ID


def usage_record(**fields: Any) -> UsageRecord:
    """Return the record of an answered call, with `fields` replaced."""
    attempt = AttemptRecord(provider="dashscope", model="qwen-plus", charged="billed", latency_ms=410, http_status=200)
    known: dict[str, Any] = {
        "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "key_id": KEY_ID,
        "created": 1_764_000_000,
        "model_asked": "qwen-plus",
        "streamed": False,
        "status": 200,
        "outcome": "answered",
        "latency_ms": 420,
        "first_token_ms": 110,
        "model_used": "qwen-plus",
        "provider": "dashscope",
        "attempts": (attempt,),
        "tokens_in": 12,
        "tokens_out": 3,
    }
    return UsageRecord(**(known | fields))
