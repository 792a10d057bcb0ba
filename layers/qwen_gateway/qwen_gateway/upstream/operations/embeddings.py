"""Embeddings: `POST /embeddings`, in calls of as many rows as the model takes, whose answers are joined."""

import base64
import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from qwen_gateway import strictjson
from qwen_gateway.catalog import Model
from qwen_gateway.config import ApiFamily, Endpoint, Provider
from qwen_gateway.dialect import AdaptedRequest
from qwen_gateway.dialect.embeddings import ROWS_PER_CALL, AnyModel, Row, adapt_embeddings, list_rows
from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.provider_failures import is_error_body
from qwen_gateway.upstream.operations import Method
from qwen_gateway.upstream.operations.chunks import build_provider_error
from qwen_gateway.usage import Usage

_VECTOR = re.compile(rb'"embedding"\s*:\s*(\[[-+0-9.eE,\s]*\])')
"""Numbers stay text until a client needs their bytes: a million of them take seconds of a small function to format."""


class EmbeddingsReader:
    """Reads the answer of one call. `answer` has the rows as JSON in order, the model's name and the usage.

    Args:
        rows: the number of rows that were sent.
        is_base64: whether the client gets the rows as base64 of little-endian floats instead of numbers.
    """

    outputs = 0
    is_ready = False
    is_over = False

    def __init__(self, rows: int, *, is_base64: bool) -> None:
        self._rows = rows
        self._is_base64 = is_base64
        self.is_complete = False
        self.answer: dict[str, Any] = {}

    @property
    def usage(self) -> Usage | None:
        """The usage that the provider reported. Embeddings have no output to count."""
        usage = self.answer.get("usage")
        return Usage.parse(usage)._replace(tokens_out=0) if usage else None

    def read(self, data: bytes) -> None:
        """Read the document of the answer.

        Raises:
            ProviderError: it is no list of embeddings, or an error of the provider.
        """
        vectors: list[bytes] = []

        def cut_out(match: re.Match[bytes]) -> bytes:
            vectors.append(match[1])
            return b'"embedding":%d' % (len(vectors) - 1)

        try:
            document = strictjson.loads(_VECTOR.sub(cut_out, data))
        except ValueError:
            raise ProviderAnswerBroken("the answer is no JSON") from None
        if not isinstance(document, dict):
            raise ProviderAnswerBroken("the answer is no JSON object")
        if document.get("error") or (not document.get("data") and is_error_body(document)):
            raise build_provider_error(document)
        usage = document.get("usage")
        self.answer = {
            "rows": self._order(document.get("data"), vectors),
            "model": document.get("model"),
            "usage": usage if isinstance(usage, dict) else None,
        }
        self.outputs = 1
        self.is_complete = True

    def finish(self) -> None:
        """Check that there is an answer.

        Raises:
            ProviderAnswerBroken: there is none.
        """
        if not self.is_complete:
            raise ProviderAnswerBroken("the answer is empty")

    def _order(self, items: object, vectors: Sequence[bytes]) -> list[bytes]:
        """Return the rows in the order of their indexes."""
        rows: dict[int, bytes] = {}
        for position, item in enumerate(items if isinstance(items, list) else ()):
            if not isinstance(item, dict):
                raise ProviderAnswerBroken("an embedding of the answer is no object")
            index = item.get("index")
            place = index if isinstance(index, int) else position
            rows[place] = self._encode(item.get("embedding"), vectors)
        if rows.keys() != set(range(self._rows)):
            raise ProviderAnswerBroken("the answer does not have one embedding for each row")
        return [rows[index] for index in range(self._rows)]

    def _encode(self, embedding: object, vectors: Sequence[bytes]) -> bytes:
        """Return an embedding in the client's form as JSON. It is the place of a vector, or the provider's base64.

        Raises:
            ProviderAnswerBroken: it is neither numbers nor base64.
        """
        try:
            if isinstance(embedding, str):
                packed = base64.b64decode(embedding, validate=True)
                numbers = struct.unpack(f"<{len(packed) // _FLOAT_BYTES}f", packed)
                return json.dumps(embedding if self._is_base64 else numbers, allow_nan=False).encode()
            vector = vectors[embedding] if type(embedding) is int else b"[]"
            packed = _pack(json.loads(vector))
            return b'"%b"' % base64.b64encode(packed) if self._is_base64 else vector
        except (ValueError, struct.error, OverflowError, IndexError):
            raise ProviderAnswerBroken("an embedding of the answer is malformed") from None


_FLOAT_BYTES = 4


def _pack(numbers: Sequence[float]) -> bytes:
    if not numbers:
        raise ValueError("there are no numbers")
    return struct.pack(f"<{len(numbers)}f", *numbers)


class Embeddings:
    """The operation of embeddings."""

    endpoint: Endpoint = "embeddings"
    api_family: ApiFamily = "openai"
    method: Method = "POST"
    path = "/embeddings"

    def requirements(self, _body: Mapping[str, Any]) -> AnyModel:
        """Return what a request requires of a model."""
        return AnyModel()

    def adapt(
        self, body: Mapping[str, Any], model: Model | None, _provider: Provider, _output_limit: int | None
    ) -> AdaptedRequest:
        """Return the request in the form that a target takes; see `Operation`."""
        return adapt_embeddings(body, model)

    def whole_reader(self, body: Mapping[str, Any]) -> EmbeddingsReader:
        """Return a reader for the answer of a call."""
        return EmbeddingsReader(len(list_rows(body)), is_base64=body.get("encoding_format") == "base64")


EMBEDDINGS = Embeddings()


class Part(NamedTuple):
    """The request for some of the rows, and the field that names them in an error; empty for all rows."""

    body: Mapping[str, Any]
    field: str = ""


def split_rows(body: Mapping[str, Any], models: Iterable[Model | None]) -> list[Part]:
    """Return the requests into which one is split, so that each of the models takes any of them."""
    limits = [model.embedding.rows for model in models if model and model.embedding and model.embedding.rows]
    size = min(limits, default=ROWS_PER_CALL)
    rows: list[Row] = list_rows(body)
    if len(rows) <= size:
        return [Part(body)]
    return [
        Part({**body, "input": some}, f"input[{start}] to input[{start + len(some) - 1}]")
        for start in range(0, len(rows), size)
        if (some := rows[start : start + size])
    ]


def join_answers(answers: Sequence[Mapping[str, Any]], cost: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the JSON of the whole answer in parts; fields of the cost are added to its usage."""
    yield b'{"object":"list","data":['
    index = 0
    for answer in answers:
        items = []
        for row in answer["rows"]:
            items.append(b'%b{"object":"embedding","index":%d,"embedding":%b}' % (b"," if index else b"", index, row))
            index += 1
        yield b"".join(items)
    document = {"model": answers[0]["model"], "usage": {**_sum_usage(answers), **cost}}
    yield b"]," + json.dumps(document, separators=(",", ":")).encode().removeprefix(b"{")


def _sum_usage(answers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    usages = [answer["usage"] or {} for answer in answers]
    tokens = sum(Usage.parse(usage).tokens_in or 0 for usage in usages)
    return {"prompt_tokens": tokens, "total_tokens": tokens}
