"""Our loop over the Lambda Runtime API, in place of the managed one: `python -m qwen_gateway.runtime`.

It takes a call, hands it to the function's handler and posts the answer, for as long as the environment lives. It knows
nothing of the gateway. Source of the protocol: the Lambda developer guide, "Using the Lambda runtime API".
"""

from qwen_gateway.runtime.streaming import EventStream, ProxyAnswer, Streaming

__all__ = ["EventStream", "ProxyAnswer", "Streaming"]
