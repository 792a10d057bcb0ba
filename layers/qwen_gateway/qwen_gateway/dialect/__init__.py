"""How a model's requests differ from OpenAI's, from catalog data."""

from qwen_gateway.dialect.chat import AdaptedRequest, ChatRequirements, adapt_request
from qwen_gateway.dialect.defaults import apply_defaults

__all__ = ["AdaptedRequest", "ChatRequirements", "adapt_request", "apply_defaults"]
