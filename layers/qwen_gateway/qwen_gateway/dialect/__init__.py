"""How a model's requests differ from OpenAI's, from catalog data."""

from qwen_gateway.dialect.chat import AdaptedRequest, adapt_request

__all__ = ["AdaptedRequest", "adapt_request"]
