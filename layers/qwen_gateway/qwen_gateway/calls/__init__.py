"""The metered call, which every endpoint that calls a provider shares."""

from qwen_gateway.calls.answer_stream import OnAnswer, ignore_answer
from qwen_gateway.calls.background_task import BackgroundTask
from qwen_gateway.calls.metered_call import MeteredCall, MeteredCalls

__all__ = ["BackgroundTask", "MeteredCall", "MeteredCalls", "OnAnswer", "ignore_answer"]
