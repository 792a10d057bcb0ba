"""The metered call, which every endpoint that calls a provider shares."""

from qwen_gateway.calls.metered_call import MeteredCall, MeteredCalls

__all__ = ["MeteredCall", "MeteredCalls"]
