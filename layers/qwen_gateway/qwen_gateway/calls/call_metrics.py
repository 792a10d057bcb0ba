"""The CloudWatch metrics of a call, by the provider and the model that it used."""

from collections.abc import Iterator

from qwen_gateway import metrics
from qwen_gateway.ledger import UsageRecord
from qwen_gateway.metrics import Metric
from qwen_gateway.request_ids import RequestIds


def write_call_metrics(record: UsageRecord, ids: RequestIds) -> None:
    """Write the metrics of a recorded call, unless no provider was called: then only its error code is counted.

    The dimensions are names from routes and catalog. The name that the client sent could be any text, and each new one
    would be another metric.
    """
    if record.provider and record.model_used:
        metrics.write(list(_metrics(record)), {"provider": record.provider, "model": record.model_used}, ids)


def _metrics(record: UsageRecord) -> Iterator[Metric]:
    """Yield what is known of the call. A failed call has no latencies: a fast failure would look like a fast model."""
    yield Metric("requests", "Count", 1)
    usage = record.usage
    tokens = {
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "tokens_cached": usage.tokens_cached,
    }
    for name, number in tokens.items():
        if number is not None:
            yield Metric(name, "Count", number)
    if record.outcome == "answered":
        yield Metric("latency_ms", "Milliseconds", record.latency_ms)
        if record.first_token_ms is not None:
            yield Metric("first_token_ms", "Milliseconds", record.first_token_ms)
