"""The messages by which an error is recognized whose code says nothing, in lower case; `*` stands for any text.

Sources: the providers' documentation, their source code and public bug reports, November 2026.
"""

from typing import NamedTuple

EVENT = "event"
"""The status of an error event inside a stream, which has no HTTP status of its own."""


class StatusWithMessage(NamedTuple):
    """An HTTP status, or `EVENT`, and a pattern that a part of the message matches."""

    status: str
    message: str


def _combine(statuses: tuple[str, ...], messages: tuple[str, ...]) -> tuple[StatusWithMessage, ...]:
    return tuple(StatusWithMessage(status, message) for status in statuses for message in messages)


FREE_QUOTA_USED_UP = "free allocated quota exceeded"
"""DashScope's, with the codes of throttling."""

RATE_LIMITED = _combine(
    (EVENT,),
    (
        "rate limit",  # MiniMax, Baidu
        "request limit reached",  # Baidu
        "too many requests",
    ),
)

KEY_REFUSED = _combine(
    ("400", EVENT),
    (
        "api key not valid",  # Google
        "incorrect api key provided",  # OpenAI
        "invalid api key provided",
        "invalid api-key provided",  # DashScope
        "login fail",  # MiniMax
    ),
)

CONTEXT_EXCEEDED = _combine(
    ("400", "413", "422", "500", EVENT),
    (
        "range of input length should be",  # DashScope
        "total message token length exceed model limit",  # DashScope
        "maximum context length",  # OpenAI, vLLM, SGLang, DeepSeek, Mistral, OpenRouter
        "longer than the maximum model length",  # vLLM
        "longer than the model's context length",  # SGLang, Together
        "exceed*context length",  # Ollama
        "exceed*context window",  # OpenAI
        "exceed*context limit",  # Anthropic
        "exceed*context size",  # llama.cpp
        "context length exceeded",
        "context_length_exceeded",
        "context window exceed",  # MiniMax
        "contextwindowexceedederror",  # LiteLLM
        "maximum input length",
        "too many tokens",  # Cohere
        "input length*exceeds the maximum length",
        "最大上下文",  # the largest context
        "上下文长度",  # the length of the context
        "configured context size is",  # DS4
        "greater than the context length",  # LM Studio
        "input tokens exceed the configured limit",  # OpenAI
        "input token count*exceeds the maximum",  # Google
        "reduce the length of the messages",  # OpenAI, Groq
        "prompt is too long",  # Anthropic
        "prompt exceeds max length",  # Zhipu
        "prompt too long",  # Ollama
        "maximum prompt length is",  # xAI
        "maximum allowed input length",  # Poolside
        "input is too long for requested model",  # Bedrock
        "exceeded model token limit",  # Moonshot
        "tokens + `max_new_tokens` must be <=",  # Text Generation Inference
    ),
)

MODEL_MISSING = _combine(
    ("400", EVENT),
    (
        "model not exist",  # DashScope, also for retired models
        "unsupported model:",  # DashScope's Responses
        "model does not exist",  # SiliconFlow
        "model not found",
        "the model `*` does not exist",  # OpenAI, vLLM
        "is not a valid model id",  # OpenRouter
        "invalid model name passed",  # LiteLLM
    ),
)

RESPONSE_MISSING = _combine(
    ("400", "404", EVENT),
    (
        "not found previous_response_id",  # DashScope
        "response with id * not found",  # OpenAI, vLLM
    ),
)

OUT_OF_CREDIT = _combine(
    ("401", "403", "429", "500", "503", EVENT),
    (
        "quota is not enough",  # one-api
        "insufficient*balance",  # sub2api, DeepSeek
        "balance is insufficient",  # SiliconFlow
        "额度不足",  # new-api: not enough quota
        "额度已用尽",  # new-api: the quota is used up
        "剩余额度",  # new-api: the remaining quota
        "余额不足",  # not enough balance
        "欠费",  # an overdue payment
    ),
)
