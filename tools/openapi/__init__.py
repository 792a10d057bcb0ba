"""docs/openapi.json, generated from the code and the template that it describes."""

from tools.openapi.document import build_document, format_document

__all__ = ["build_document", "format_document"]
