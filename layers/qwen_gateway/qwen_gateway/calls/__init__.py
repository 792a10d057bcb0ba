"""The metered call, which every endpoint that calls a provider shares."""

from qwen_gateway.calls.background_task import BackgroundTask
from qwen_gateway.calls.metered_call import MeteredCall, MeteredCalls
from qwen_gateway.calls.streamed_answer import OnAnswer, ignore_answer

__all__ = ["BackgroundTask", "MeteredCall", "MeteredCalls", "OnAnswer", "ignore_answer"]
