"""Builders of valid test data: events, requests, provider responses, tokens, records. Tests override single fields."""

from tests.builders.events import Context, chat_event, chat_request, models_event, proxy_event, usage_event
from tests.builders.ledger import (
    KEY_ID,
    api_key,
    garbage_token,
    key_item,
    key_snapshot,
    mistype_token,
    old_key_item,
    token,
    usage_record,
)
from tests.builders.models import QWEN_MAX, model, thinking_model
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

__all__ = [
    "KEY_ID",
    "QWEN_MAX",
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
    "key_snapshot",
    "mistype_token",
    "model",
    "models_event",
    "old_key_item",
    "proxy_event",
    "split_at",
    "stream",
    "text_chunks",
    "thinking_model",
    "token",
    "usage",
    "usage_event",
    "usage_record",
    "whole_stream",
]
