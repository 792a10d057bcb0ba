"""The Qwen client: providers, one deadline, named failures."""

from qwen_gateway.upstream.attempt import Attempt
from qwen_gateway.upstream.client import Outcome, Upstream
from qwen_gateway.upstream.deadline import Deadline
from qwen_gateway.upstream.transport import Transport

__all__ = ["Attempt", "Deadline", "Outcome", "Transport", "Upstream"]
