"""What a request for embeddings requires of a model, its form for that model, and the rows of its input."""

from collections.abc import Mapping
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.dialect.chat import AdaptedRequest
from qwen_gateway.errors import RequestInvalid

type Row = str | list[int]
"""A text, or its token ids."""

ROWS_PER_CALL = 100
"""Rows of one call to a model whose limit is not known. Their answer stays far below the largest body that is read."""


class AnyModel:
    """What a request for embeddings requires: nothing that models of one route could differ in."""

    max_tokens = 0

    def are_met_by(self, _model: Model | None) -> bool:
        """Return True: `adapt_embeddings` says why a model cannot serve a request."""
        return True


def list_rows(body: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a valid request's input."""
    rows = body["input"]
    is_one = isinstance(rows, str) or isinstance(rows[0], int)
    return [rows] if is_one else rows


def adapt_embeddings(body: Mapping[str, Any], model: Model | None) -> AdaptedRequest:
    """Return the request in the form that a target takes. It is asked for numbers: not every provider knows base64.

    Raises:
        RequestInvalid: the model gives no embeddings, or does not take token ids.
    """
    adapted = {**body, "encoding_format": "float"}
    if model is None:
        return AdaptedRequest(adapted)
    if model.embedding is None:
        raise RequestInvalid(
            f"{model.id} gives no embeddings. GET /v1/models shows `dimensions` of the models that do.", param="model"
        )
    if not model.embedding.token_ids and not all(isinstance(row, str) for row in list_rows(body)):
        raise RequestInvalid(
            f"{model.id} takes texts, not token ids: send strings (LangChain: check_embedding_ctx_length=False).",
            param="input",
        )
    return AdaptedRequest({name: value for name, value in adapted.items() if name not in model.quirks.drops})
