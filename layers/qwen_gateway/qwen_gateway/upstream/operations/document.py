"""An answer that is one JSON document, of a kind of call that is never streamed."""

from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.provider_failures import is_error_body
from qwen_gateway.upstream.operations.chunks import build_provider_error
from qwen_gateway.usage import Usage


class DocumentReader:
    """Reads one document, which is an answer if it has a field."""

    outputs = 0
    is_ready = False
    is_over = False
    usage: Usage | None = None

    def __init__(self, field: str) -> None:
        self._field = field
        self.is_complete = False
        self.answer: dict[str, Any] = {}

    def read(self, data: bytes) -> None:
        """Read the document.

        Raises:
            ProviderError: it is no answer, or an error of the provider.
        """
        try:
            document = strictjson.loads(data)
        except ValueError:
            raise ProviderAnswerBroken("the answer is no JSON") from None
        if not isinstance(document, dict) or self._field not in document:
            if isinstance(document, dict) and is_error_body(document):
                raise build_provider_error(document)
            raise ProviderAnswerBroken(f"the answer has no {self._field}")
        self.answer, self.is_complete = document, True

    def finish(self) -> None:
        """Check that there is an answer, or raise ProviderAnswerBroken."""
        if not self.is_complete:
            raise ProviderAnswerBroken("the answer is empty")
