"""The CloudWatch metrics of a call, by the provider and the model that it used."""

from qwen_gateway import metrics
from qwen_gateway.ledger import UsageRecord
from qwen_gateway.request_ids import RequestIds


def write_call_metrics(record: UsageRecord, ids: RequestIds) -> None:
    """Write the metrics of a recorded call, unless no provider was called: then only its error code is counted.

    The dimensions are names from routes and catalog. The name that the client sent could be any text, and each new one
    would be another metric.
    """
    if not (record.provider and record.model_used):
        return
    values = {
        "requests": 1,
        "tokens_in": record.usage.tokens_in,
        "tokens_out": record.usage.tokens_out,
        "tokens_cached": record.usage.tokens_cached,
    }
    if record.outcome == "answered":
        # A failed call has no latency here: fast failures would look like a fast model.
        values |= {"latency_ms": record.latency_ms, "first_token_ms": record.first_token_ms}
    known = {name: value for name, value in values.items() if value is not None}
    metrics.write(known, {"provider": record.provider, "model": record.model_used}, ids)
