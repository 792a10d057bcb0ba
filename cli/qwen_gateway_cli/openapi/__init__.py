"""The API as an OpenAPI document, made from the code and the template that it describes."""

from qwen_gateway_cli.openapi.document import document, text

__all__ = ["document", "text"]
