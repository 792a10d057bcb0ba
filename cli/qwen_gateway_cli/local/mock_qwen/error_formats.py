"""How each API of the provider writes an error: as a body, and as an event of a stream."""

from collections.abc import Mapping
from typing import Any, Protocol

from qwen_gateway_cli.local.mock_qwen.responses import encode_event, encode_json
from qwen_gateway_cli.local.mock_qwen.validation import Rejection

_INTERNAL_ERROR = 500


class ErrorFormat(Protocol):
    """The form of errors of one API."""

    def build_rejection(self, request_id: str, rejection: Rejection) -> dict[str, Any]:
        """Return the body of a rejection."""
        ...

    def build_fault(self, request_id: str, status: int | None, code: str | None, message: str | None) -> dict[str, Any]:
        """Return the body of a fault; what is None depends on the status."""
        ...

    def encode_event(self, document: object) -> bytes:
        """Return an error as the event of a stream."""
        ...


class CompatibleErrors:
    """The errors of the OpenAI-compatible API, in DashScope's envelope (bodies captured by third parties)."""

    def build_rejection(self, request_id: str, rejection: Rejection) -> dict[str, Any]:
        """Return the body of a rejection. As in captured bodies, that of an invalid key has neither type nor ids."""
        error = {"message": rejection.message, "code": rejection.code}
        if rejection.type is None:
            return {"error": error}
        return _build_envelope(request_id, {**error, "type": rejection.type, "param": None})

    def build_fault(self, request_id: str, status: int | None, code: str | None, message: str | None) -> dict[str, Any]:
        """Return the body of a fault."""
        code = code or _CODES.get(status or _INTERNAL_ERROR, "InternalError")
        error = {"message": message or _describe(code), "type": code, "param": None, "code": code}
        return _build_envelope(request_id, error)

    def encode_event(self, document: object) -> bytes:
        """Return an event without a name."""
        return encode_event(document)


class AnthropicErrors:
    """The errors of the Anthropic-compatible API.

    The form is Anthropic's (platform.claude.com, Errors): Alibaba publishes none of its own.
    """

    def build_rejection(self, request_id: str, rejection: Rejection) -> dict[str, Any]:
        """Return the body of a rejection."""
        return self._build(request_id, _TYPES.get(rejection.status, "api_error"), rejection.message)

    def build_fault(self, request_id: str, status: int | None, code: str | None, message: str | None) -> dict[str, Any]:
        """Return the body of a fault; its code is the type."""
        kind = code or _TYPES.get(status or _INTERNAL_ERROR, "api_error")
        return self._build(request_id, kind, message or _describe(kind))

    def encode_event(self, document: object) -> bytes:
        """Return an event of the name `error`."""
        return b"event: error\ndata: %b\n\n" % encode_json(document)

    def _build(self, request_id: str, kind: str, message: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


class ResponsesErrors:
    """The errors of Responses: a flat envelope, and in a stream the event `response.failed`.

    Captured by a third party at dashscope.aliyuncs.com in September 2026.
    """

    def build_rejection(self, request_id: str, rejection: Rejection) -> dict[str, Any]:
        """Return the body of a rejection."""
        return {"request_id": request_id, "code": rejection.code, "message": rejection.message}

    def build_fault(self, request_id: str, status: int | None, code: str | None, message: str | None) -> dict[str, Any]:
        """Return the body of a fault."""
        code = code or _CODES.get(status or _INTERNAL_ERROR, "InternalError")
        return {"request_id": request_id, "code": code, "message": message or _describe(code)}

    def encode_event(self, document: object) -> bytes:
        """Return the event of a failed response."""
        body: dict[str, Any] = document if isinstance(document, dict) else {}
        error = {"message": body.get("message"), "code": body.get("code")}
        response = {"id": "", "object": "response", "status": "failed", "usage": None, "error": error}
        event = encode_json({"sequence_number": 0, "type": "response.failed", "response": response})
        return b"id:1\nevent:response.failed\n:HTTP_STATUS/200\ndata:%b\n\n" % event


COMPATIBLE: ErrorFormat = CompatibleErrors()
ANTHROPIC: ErrorFormat = AnthropicErrors()
RESPONSES: ErrorFormat = ResponsesErrors()

_CODES: Mapping[int, str] = {
    400: "invalid_parameter_error",
    401: "InvalidApiKey",
    403: "AccessDenied",
    404: "model_not_found",
    429: "limit_requests",
    503: "ModelUnavailable",
}
_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _build_envelope(request_id: str, error: dict[str, Any]) -> dict[str, Any]:
    return {"error": error, "id": f"chatcmpl-{request_id}", "request_id": request_id}


def _describe(code: str) -> str:
    return f"The mock is configured to fail with {code}."
