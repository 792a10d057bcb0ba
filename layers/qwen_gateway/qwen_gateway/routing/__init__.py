"""From a model name to the targets that can serve a request."""

from qwen_gateway.routing.routes import Routes, Target

__all__ = ["Routes", "Target"]
