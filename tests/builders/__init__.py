"""What tests are made of: events, requests, provider answers, tokens, records; each valid until a test changes it."""

from tests.builders.events import Context, chat_event, models_event, proxy_event
from tests.builders.models import model, thinking_model
from tests.builders.provider_responses import (
    chunk,
    encode_chunks,
    error_body,
    error_event,
    finish,
    split_at,
    stream,
    text_chunks,
    usage,
    whole_stream,
)
from tests.builders.records import usage_record
from tests.builders.requests import chat_request
from tests.builders.tokens import KEY_ID, api_key, garbage_token, key_item, mistype_token, token

__all__ = [
    "KEY_ID",
    "Context",
    "api_key",
    "chat_event",
    "chat_request",
    "chunk",
    "encode_chunks",
    "error_body",
    "error_event",
    "finish",
    "garbage_token",
    "key_item",
    "mistype_token",
    "model",
    "models_event",
    "proxy_event",
    "split_at",
    "stream",
    "text_chunks",
    "thinking_model",
    "token",
    "usage",
    "usage_record",
    "whole_stream",
]
