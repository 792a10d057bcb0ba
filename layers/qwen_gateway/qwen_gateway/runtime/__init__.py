"""A loop over the Lambda Runtime API in place of the managed one: `python -m qwen_gateway.runtime`.

It fetches an invocation, calls the function's handler and posts the response, until the environment is shut down. It
imports only the standard library. Protocol: the Lambda developer guide, "Using the Lambda runtime API".
"""

from qwen_gateway.runtime.streaming import EventStream, ProxyResponse, StreamingHandler

__all__ = ["EventStream", "ProxyResponse", "StreamingHandler"]
