"""What callers do: a request per route and per kind of mistake that reaches a function, and what each is told.

A body above the size limit is left out: its event would fill five megabytes of the repository.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self

from tests.builders import chat_request, garbage_token, mistyped
from tests.recorder import keys
from tests.recorder.telling import ANSWERED, STREAMED, STREAMED_WITH_USAGE, Told

_CLIENT = {
    "host": "gateway.example",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": "OpenAI/Python 3.54.0",
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A request, and what its caller is told."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None = None
    told: Told = ANSWERED

    def refused(self, status: int, code: str, param: str | None = None) -> Self:
        """Expect a refusal."""
        return self.telling(Told(status, code, param))

    def telling(self, told: Told) -> Self:
        """Expect this."""
        return dataclasses.replace(self, told=told)


def _headers(token: str | None) -> dict[str, str]:
    return _CLIENT if token is None else _CLIENT | {"authorization": f"Bearer {token}"}


def _chat(token: str | None = keys.OPEN, **fields: Any) -> Sample:
    """The smallest good chat call, with `fields` put in or replaced."""
    return _chat_of(json.dumps(chat_request(**fields)).encode(), token)


def _chat_of(body: bytes, token: str | None = keys.OPEN) -> Sample:
    headers = _headers(token) | {"content-type": "application/json"}
    return Sample(method="POST", path="/v1/chat/completions", headers=headers, body=body)


def _chat_without(field: str) -> Sample:
    return _chat_of(json.dumps({name: value for name, value in chat_request().items() if name != field}).encode())


def _models(path: str = "", token: str | None = keys.OPEN) -> Sample:
    return Sample(method="GET", path=f"/v1/models{path}", headers=_headers(token))


_CHAT = {
    "answered": _chat(),
    "streamed": _chat(stream=True).telling(STREAMED),
    "streamed-with-usage": _chat(stream=True, stream_options={"include_usage": True}).telling(STREAMED_WITH_USAGE),
    "key-missing": _chat(None).refused(401, "missing_api_key"),
    "key-of-another-service": _chat(garbage_token()).refused(401, "invalid_api_key"),
    "key-mistyped": _chat(mistyped(keys.OPEN)).refused(401, "invalid_api_key"),
    "key-never-issued": _chat(keys.UNISSUED).refused(401, "invalid_api_key"),
    "key-revoked": _chat(keys.REVOKED).refused(401, "revoked_api_key"),
    "key-expired": _chat(keys.EXPIRED).refused(401, "expired_api_key"),
    "body-empty": _chat_of(b"").refused(400, "invalid_request"),
    "body-not-json": _chat_of(b'{"model": qwen-plus}').refused(400, "invalid_request"),
    "body-not-utf8": _chat_of(b'{"model": "qwen\xff"}').refused(400, "invalid_request"),
    "body-no-object": _chat_of(b'["qwen-plus"]').refused(400, "invalid_request"),
    "body-with-nan": _chat_of(b'{"model": "qwen-plus", "temperature": NaN}').refused(400, "invalid_request"),
    "body-with-half-a-surrogate": _chat_of(b'{"model": "\\ud83d"}').refused(400, "invalid_request"),
    "model-missing": _chat_without("model").refused(400, "invalid_request", "model"),
    "model-unknown": _chat(model="qwen-imaginary").refused(404, "model_not_found", "model"),
    "messages-missing": _chat_without("messages").refused(400, "invalid_request", "messages"),
    "messages-empty": _chat(messages=[]).refused(400, "invalid_request", "messages"),
    "role-unknown": _chat(messages=[{"role": "wizard", "content": "Hello."}]).refused(
        400, "invalid_request", "messages[0].role"
    ),
    "stream-option-mistyped": _chat(stream=True, stream_options={"include_usage": "yes"}).refused(
        400, "invalid_request", "stream_options.include_usage"
    ),
    "n-too-large": _chat(n=5).refused(400, "invalid_request", "n"),
    "max-tokens-zero": _chat(max_tokens=0).refused(400, "invalid_request", "max_tokens"),
    "temperature-out-of-range": _chat(temperature=2.5).refused(400, "invalid_request", "temperature"),
    "top-p-out-of-range": _chat(top_p=1.5).refused(400, "invalid_request", "top_p"),
    "response-format-unknown": _chat(response_format={"type": "poem"}).refused(
        400, "invalid_request", "response_format.type"
    ),
    "refused-by-the-provider": _chat(model="qwen3.8-max", reasoning_effort="extreme").refused(400, "provider_refused"),
    "stream-refused-by-the-provider": _chat(model="qwen3.8-max", reasoning_effort="extreme", stream=True).refused(
        400, "provider_refused"
    ),
}
_MODELS = {
    "listed": _models(),
    "shown": _models("/qwen-plus"),
    "shown-with-trailing-slash": _models("/qwen-plus/"),
    "key-missing": _models(token=None).refused(401, "missing_api_key"),
    "key-mistyped": _models(token=mistyped(keys.OPEN)).refused(401, "invalid_api_key"),
    "key-revoked": _models("/qwen-plus", keys.REVOKED).refused(401, "revoked_api_key"),
    "model-unknown": _models("/qwen-imaginary").refused(404, "model_not_found", "model"),
    "model-with-slash-unknown": _models("/qwen%2Fimaginary").refused(404, "model_not_found", "model"),
}
SAMPLES = {f"chat/{name}": sample for name, sample in _CHAT.items()} | {
    f"models/{name}": sample for name, sample in _MODELS.items()
}
"""By the name of the event's file below events/: the folder of the function, and what happens."""
