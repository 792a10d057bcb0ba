"""Chat requests, REST API proxy events (version 1.0) as API Gateway sends them, and the Lambda context."""

import base64
import json
from typing import Any
from urllib.parse import quote


class Context:
    """The part of the Lambda context that the handlers use."""

    function_name = "chat"
    memory_limit_in_mb = "512"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:chat:live"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def __init__(self, seconds: float = 28) -> None:
        self._milliseconds = int(seconds * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def chat_request(**fields: Any) -> dict[str, Any]:
    """Return the smallest valid chat request, with `fields` added or replaced."""
    return {"model": "qwen-plus", "messages": [{"role": "user", "content": "Say hello."}], **fields}


def proxy_event(
    method: str,
    path: str,
    *,
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
    path_parameters: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return an event. A bytes body is base64-encoded, as API Gateway encodes binary bodies."""
    sent = {"Host": "api.example.com", "X-Forwarded-For": "192.0.2.1", **(headers or {})}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": path_parameters,
        "stageVariables": None,
        "requestContext": {
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "stage": "api",
            "httpMethod": method,
            "path": f"/api{path}",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "OpenAI/Python 3.54.0"},
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }


def embeddings_request(**fields: Any) -> dict[str, Any]:
    """Return the smallest valid request for embeddings, with `fields` added or replaced."""
    return {"model": "text-embedding-v4", "input": "Hello.", **fields}


def messages_request(**fields: Any) -> dict[str, Any]:
    """Return the smallest valid request for a message, with `fields` added or replaced."""
    return {"model": "qwen-plus", "max_tokens": 100, "messages": [{"role": "user", "content": "Say hello."}], **fields}


def responses_request(**fields: Any) -> dict[str, Any]:
    """Return the smallest valid request for a response, with `fields` added or replaced."""
    return {"model": "qwen-plus", "input": "Say hello.", **fields}


def post_event(path: str, body: Any, token: str | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a POST. A body other than str, bytes or None is serialized as JSON."""
    sent = body if isinstance(body, str | bytes | None) else json.dumps(body)
    own = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return proxy_event("POST", path, body=sent, headers=own | (headers or {}))


def chat_event(body: Any, token: str | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a POST of a chat request."""
    return post_event("/v1/chat/completions", body, token, headers)


def models_event(token: str | None = None, model: str | None = None) -> dict[str, Any]:
    """Return a GET of the list, or of one model, whose name is percent-encoded as OpenAI's clients encode it."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if model is None:
        return proxy_event("GET", "/v1/models", headers=headers)
    encoded = quote(model, safe="")
    event = proxy_event("GET", f"/v1/models/{encoded}", headers=headers, path_parameters={"model": encoded})
    return event | {"resource": "/v1/models/{model+}"}


def usage_event(token: str | None = None) -> dict[str, Any]:
    """Return a GET of the key's own use."""
    return proxy_event("GET", "/v1/usage", headers={"Authorization": f"Bearer {token}"} if token else {})
