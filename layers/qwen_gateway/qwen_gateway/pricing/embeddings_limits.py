"""The most tokens that a provider can count for a request for embeddings."""

from collections.abc import Mapping
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.dialect.embeddings import Row, list_rows
from qwen_gateway.pricing.bound import RequestLimits
from qwen_gateway.pricing.request_limits import Unbounded, count_text_bytes

_TOKENS_PER_ROW = 16
"""What a model may add to each row, for example an instruction and marks of start and end."""


def embeddings_limits(body: Mapping[str, Any], model: Model | None) -> RequestLimits | Unbounded:
    """Return the limits of a request in the form in which a target gets it."""
    if model is None or model.embedding is None:
        return Unbounded("model")
    limit = model.embedding.row_tokens
    counts = [_limit_row(row) for row in list_rows(body)]
    return RequestLimits(sum(counts if limit is None else [min(count, limit) for count in counts]), tokens_out=0)


def _limit_row(row: Row) -> int:
    return _TOKENS_PER_ROW + (count_text_bytes(row) if isinstance(row, str) else len(row))
