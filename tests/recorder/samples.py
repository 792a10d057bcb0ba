"""Sample requests, one for each route and each client error that reaches a function, with the expected response.

There is no sample above the size limit: its event would take five megabytes of the repository.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self

from tests.builders import (
    chat_request,
    embeddings_request,
    garbage_token,
    messages_request,
    mistype_token,
    responses_request,
)
from tests.recorder import keys
from tests.recorder.summary import (
    ANSWERED,
    STREAMED,
    STREAMED_MESSAGE,
    STREAMED_RESPONSE,
    STREAMED_WITH_USAGE,
    AnswerSummary,
)

_CLIENT = {
    "host": "gateway.example",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": "OpenAI/Python 3.54.0",
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A request and the expected response."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None = None
    expected: AnswerSummary = ANSWERED

    def expect_error(self, status: int, code: str, param: str | None = None) -> Self:
        """Return this sample with an expected error."""
        return self.expect(AnswerSummary(status, code, param))

    def expect(self, summary: AnswerSummary) -> Self:
        """Return this sample with another expected response."""
        return dataclasses.replace(self, expected=summary)


def _headers(token: str | None) -> dict[str, str]:
    return _CLIENT if token is None else _CLIENT | {"authorization": f"Bearer {token}"}


def _chat(token: str | None = keys.ACTIVE, **fields: Any) -> Sample:
    """Return the smallest valid chat call, with `fields` added or replaced."""
    return _chat_body(json.dumps(chat_request(**fields)).encode(), token)


def _chat_body(body: bytes, token: str | None = keys.ACTIVE) -> Sample:
    headers = _headers(token) | {"content-type": "application/json"}
    return Sample(method="POST", path="/v1/chat/completions", headers=headers, body=body)


def _chat_without(field: str) -> Sample:
    return _chat_body(json.dumps({name: value for name, value in chat_request().items() if name != field}).encode())


def _post(path: str, body: dict[str, Any], token: str | None = keys.ACTIVE) -> Sample:
    headers = _headers(token) | {"content-type": "application/json"}
    return Sample(method="POST", path=path, headers=headers, body=json.dumps(body).encode())


def _embed(token: str | None = keys.ACTIVE, **fields: Any) -> Sample:
    """Return the smallest valid request for embeddings, with `fields` added or replaced."""
    return _post("/v1/embeddings", embeddings_request(**fields), token)


def _message(token: str | None = keys.ACTIVE, path: str = "", **fields: Any) -> Sample:
    """Return the smallest valid request for a message, with `fields` added or replaced."""
    return _post(f"/v1/messages{path}", messages_request(**fields), token)


def _message_with_api_key() -> Sample:
    sample = _message(None)
    return dataclasses.replace(sample, headers=sample.headers | {"x-api-key": keys.ACTIVE})


def _respond(token: str | None = keys.ACTIVE, **fields: Any) -> Sample:
    """Return the smallest valid request for a response, with `fields` added or replaced."""
    return _post("/v1/responses", responses_request(**fields), token)


def _stored(method: str, token: str | None = keys.ACTIVE, part: str = "") -> Sample:
    """Return a request for a response that no key has made."""
    return Sample(method=method, path=f"/v1/responses/resp_unknown{part}", headers=_headers(token))


def _models(path: str = "", token: str | None = keys.ACTIVE) -> Sample:
    return Sample(method="GET", path=f"/v1/models{path}", headers=_headers(token))


def _usage(token: str | None = keys.ACTIVE) -> Sample:
    return Sample(method="GET", path="/v1/usage", headers=_headers(token))


_CHAT = {
    "answered": _chat(),
    "streamed": _chat(stream=True).expect(STREAMED),
    "streamed-with-usage": _chat(stream=True, stream_options={"include_usage": True}).expect(STREAMED_WITH_USAGE),
    "key-missing": _chat(None).expect_error(401, "missing_api_key"),
    "key-of-another-service": _chat(garbage_token()).expect_error(401, "invalid_api_key"),
    "key-mistyped": _chat(mistype_token(keys.ACTIVE)).expect_error(401, "invalid_api_key"),
    "key-never-issued": _chat(keys.UNISSUED).expect_error(401, "invalid_api_key"),
    "key-revoked": _chat(keys.REVOKED).expect_error(401, "revoked_api_key"),
    "key-expired": _chat(keys.EXPIRED).expect_error(401, "expired_api_key"),
    "budget-spent": _chat(keys.SPENT).expect_error(402, "budget_exhausted"),
    "cost-without-a-bound": _chat(keys.WITH_BUDGET, enable_search=True).expect_error(400, "cost_unbounded"),
    "model-not-allowed": _chat(keys.ONE_MODEL).expect_error(403, "model_not_allowed", "model"),
    "requests-used-up": _chat(keys.NO_REQUESTS_LEFT).expect_error(429, "request_limit_exceeded"),
    "tokens-used-up": _chat(keys.NO_TOKENS_LEFT).expect_error(429, "token_limit_exceeded"),
    "calls-at-once-used-up": _chat(keys.BUSY).expect_error(429, "concurrency_limit_exceeded"),
    "body-empty": _chat_body(b"").expect_error(400, "invalid_request"),
    "body-not-json": _chat_body(b'{"model": qwen-plus}').expect_error(400, "invalid_request"),
    "body-not-utf8": _chat_body(b'{"model": "qwen\xff"}').expect_error(400, "invalid_request"),
    "body-no-object": _chat_body(b'["qwen-plus"]').expect_error(400, "invalid_request"),
    "body-with-nan": _chat_body(b'{"model": "qwen-plus", "temperature": NaN}').expect_error(400, "invalid_request"),
    "body-with-half-a-surrogate": _chat(messages=[{"role": "user", "content": "Say hello. \ud83d"}]),
    "model-missing": _chat_without("model").expect_error(400, "invalid_request", "model"),
    "model-unknown": _chat(model="qwen-imaginary").expect_error(404, "model_not_found", "model"),
    "messages-missing": _chat_without("messages").expect_error(400, "invalid_request", "messages"),
    "messages-empty": _chat(messages=[]).expect_error(400, "invalid_request", "messages"),
    "role-unknown": _chat(messages=[{"role": "wizard", "content": "Hello."}]).expect_error(
        400, "invalid_request", "messages[0].role"
    ),
    "stream-option-mistyped": _chat(stream=True, stream_options={"include_usage": "yes"}).expect_error(
        400, "invalid_request", "stream_options.include_usage"
    ),
    "n-too-large": _chat(n=5).expect_error(400, "invalid_request", "n"),
    "max-tokens-zero": _chat(max_tokens=0).expect_error(400, "invalid_request", "max_tokens"),
    "temperature-out-of-range": _chat(temperature=2.5).expect_error(400, "invalid_request", "temperature"),
    "top-p-out-of-range": _chat(top_p=1.5).expect_error(400, "invalid_request", "top_p"),
    "response-format-unknown": _chat(response_format={"type": "poem"}).expect_error(
        400, "invalid_request", "response_format.type"
    ),
    "refused-by-the-provider": _chat(model="qwen3.8-max", reasoning_effort="extreme").expect_error(
        400, "provider_refused"
    ),
    "stream-refused-by-the-provider": _chat(model="qwen3.8-max", reasoning_effort="extreme", stream=True).expect_error(
        400, "provider_refused"
    ),
}
_MODELS = {
    "listed": _models(),
    "shown": _models("/qwen-plus"),
    "shown-with-trailing-slash": _models("/qwen-plus/"),
    "key-missing": _models(token=None).expect_error(401, "missing_api_key"),
    "key-mistyped": _models(token=mistype_token(keys.ACTIVE)).expect_error(401, "invalid_api_key"),
    "key-revoked": _models("/qwen-plus", keys.REVOKED).expect_error(401, "revoked_api_key"),
    "model-unknown": _models("/qwen-imaginary").expect_error(404, "model_not_found", "model"),
    "model-with-slash-unknown": _models("/qwen%2Fimaginary").expect_error(404, "model_not_found", "model"),
}
_USAGE = {
    "shown": _usage(),
    "key-missing": _usage(None).expect_error(401, "missing_api_key"),
    "key-revoked": _usage(keys.REVOKED).expect_error(401, "revoked_api_key"),
}
_EMBEDDINGS = {
    "answered": _embed(),
    "answered-in-base64": _embed(input=["One row.", "Another row."], encoding_format="base64"),
    "answered-in-three-calls": _embed(input=[f"Row {number}." for number in range(25)], dimensions=64),
    "key-missing": _embed(None).expect_error(401, "missing_api_key"),
    "key-revoked": _embed(keys.REVOKED).expect_error(401, "revoked_api_key"),
    "budget-spent": _embed(keys.SPENT).expect_error(402, "budget_exhausted"),
    "input-empty": _embed(input=[]).expect_error(400, "invalid_request", "input"),
    "input-of-token-ids": _embed(input=[[104, 101]]).expect_error(400, "invalid_request", "input"),
    "model-unknown": _embed(model="embed-imaginary").expect_error(404, "model_not_found", "model"),
    "model-without-embeddings": _embed(model="qwen-plus").expect_error(400, "invalid_request", "model"),
    "row-too-long": _embed(input="word " * 9_000).expect_error(400, "context_length_exceeded"),
}
_MESSAGES = {
    "answered": _message(),
    "answered-with-x-api-key": _message_with_api_key(),
    "answered-to-claude": _message(model="claude-opus-5-5"),
    "tokens-counted": _message(path="/count_tokens"),
    "streamed": _message(stream=True).expect(STREAMED_MESSAGE),
    "key-missing": _message(None).expect_error(401, "missing_api_key"),
    "key-revoked": _message(keys.REVOKED).expect_error(401, "revoked_api_key"),
    "budget-spent": _message(keys.SPENT).expect_error(402, "budget_exhausted"),
    "max-tokens-missing": _message(max_tokens=None).expect_error(400, "invalid_request", "max_tokens"),
    "messages-empty": _message(messages=[]).expect_error(400, "invalid_request", "messages"),
    "model-unknown": _message(model="qwen-imaginary").expect_error(404, "model_not_found", "model"),
    "thinking-with-a-forced-tool": _message(
        tools=[{"name": "look_up", "input_schema": {"type": "object"}}],
        tool_choice={"type": "any"},
        thinking={"type": "enabled", "budget_tokens": 50},
    ).expect_error(400, "invalid_request", "tool_choice"),
}
_RESPONSES = {
    "answered": _respond(),
    "streamed": _respond(stream=True).expect(STREAMED_RESPONSE),
    "key-missing": _respond(None).expect_error(401, "missing_api_key"),
    "key-revoked": _respond(keys.REVOKED).expect_error(401, "revoked_api_key"),
    "budget-spent": _respond(keys.SPENT).expect_error(402, "budget_exhausted"),
    "cost-without-a-bound": _respond(keys.WITH_BUDGET, tools=[{"type": "web_search"}]).expect_error(
        400, "cost_unbounded"
    ),
    "background": _respond(background=True).expect_error(400, "invalid_request", "background"),
    "conversation": _respond(conversation="conv_1").expect_error(404, "response_not_found", "conversation"),
    "input-empty": _respond(input=[]).expect_error(400, "invalid_request", "input"),
    "model-unknown": _respond(model="qwen-imaginary").expect_error(404, "model_not_found", "model"),
    "previous-response-unknown": _respond(previous_response_id="resp_unknown").expect_error(404, "response_not_found"),
    "refused-by-the-provider": _respond(reasoning={"effort": "extreme"}).expect_error(400, "provider_refused"),
    "stored-unknown": _stored("GET").expect_error(404, "response_not_found"),
    "stored-unknown-deleted": _stored("DELETE").expect_error(404, "response_not_found"),
    "stored-unknown-input-items": _stored("GET", part="/input_items").expect_error(404, "response_not_found"),
    "stored-key-missing": _stored("GET", None).expect_error(401, "missing_api_key"),
}
SAMPLES = {
    f"{folder}/{name}": sample
    for folder, samples in (
        ("chat", _CHAT),
        ("embeddings", _EMBEDDINGS),
        ("messages", _MESSAGES),
        ("models", _MODELS),
        ("responses_api", _RESPONSES),
        ("usage", _USAGE),
    )
    for name, sample in samples.items()
}
"""Samples by the name of the event file below events/: function folder, then case."""
