"""Embeddings: `POST .../embeddings`.

Source: Alibaba Cloud's pages "OpenAI compatible - Embedding" (limits, fields, sample response) and public reports of
its messages for too many rows and too long ones, November 2026. What it answers to an unknown length of vector is not
published, so every length is served.
"""

import functools
import random
from typing import Any
from zlib import crc32

from qwen_gateway_cli.local.mock_qwen.control import Settings
from qwen_gateway_cli.local.mock_qwen.models import Model
from qwen_gateway_cli.local.mock_qwen.request import count_tokens, encode_utf8
from qwen_gateway_cli.local.mock_qwen.responses import Part, ResponseBody, encode_json
from qwen_gateway_cli.local.mock_qwen.validation import Rejection

_DEFAULT_DIMENSIONS = 1024
_NUMBERS = 4096


def check_embeddings(body: dict[str, Any], model: Model) -> Rejection | None:
    """Return the provider's rejection of a request, or None when it is valid."""
    message = _find_problem(body.get("input"), model)
    return (
        Rejection(400, "InvalidParameter", f"<400> InternalError.Algo.InvalidParameter: {message}") if message else None
    )


def build_embeddings(body: dict[str, Any], request_id: str, settings: Settings) -> ResponseBody:
    """Return the response to a valid request. A text always has the same vector."""
    rows = _list_rows(body["input"])
    tokens = sum(_count_tokens(row) for row in rows) if settings.prompt_tokens is None else settings.prompt_tokens
    dimensions = body.get("dimensions") or _DEFAULT_DIMENSIONS
    data = b",".join(
        b'{"embedding":[%b],"index":%d,"object":"embedding"}' % (_build_vector(row, dimensions), index)
        for index, row in enumerate(rows)
    )
    usage = settings.usage or {"prompt_tokens": tokens, "total_tokens": tokens}
    envelope = encode_json({"model": body["model"], "object": "list", "usage": usage, "id": request_id})
    document = b'{"data":[%b],%b' % (data, envelope.removeprefix(b"{"))
    half = len(document) // 2
    parts = [Part(document[:half], is_delta=True), Part(document[half:])]
    return ResponseBody("application/json", parts, streamed=False)


def _find_problem(rows: Any, model: Model) -> str | None:
    if not model.rows:
        return "model is not supported for embedding."
    if not isinstance(rows, str) and not (isinstance(rows, list) and all(isinstance(row, str) for row in rows)):
        return "Value error, contents is neither str nor list of str.: input.contents"
    if not rows or not all(rows):
        return "Value error, contents is empty.: input.contents"
    if len(_list_rows(rows)) > model.rows:
        return f"Value error, batch size is invalid, it should not be larger than {model.rows}.: input.contents"
    if any(_count_tokens(row) > model.row_tokens for row in _list_rows(rows)):
        return f"Range of input length should be [1, {model.row_tokens}]"
    return None


def _list_rows(rows: Any) -> list[str]:
    return [rows] if isinstance(rows, str) else rows


def _count_tokens(row: str) -> int:
    return count_tokens(len(encode_utf8(row)))


def _build_vector(row: str, dimensions: int) -> bytes:
    numbers = _numbers()
    start = crc32(encode_utf8(row)) % _NUMBERS
    return b",".join((numbers[start:] + numbers * (dimensions // _NUMBERS + 1))[:dimensions])


@functools.cache
def _numbers() -> list[bytes]:
    """Return numbers of the length that the provider sends, as JSON: formatting them anew takes most of the time."""
    source = random.Random(0)  # noqa: S311 - the same numbers in each process
    return [repr(source.uniform(-0.1, 0.1)).encode() for _ in range(_NUMBERS)]
