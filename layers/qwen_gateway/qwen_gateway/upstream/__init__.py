"""The providers' client: attempts, one deadline, named errors."""

from qwen_gateway.upstream.client import BeforeAttempt, RoutedRequest, Upstream, allow_attempt
from qwen_gateway.upstream.outcome import Attempt, Outcome
from qwen_gateway.upstream.relay import Relay
from qwen_gateway.upstream.timeouts import Deadline
from qwen_gateway.upstream.transport import Transport

__all__ = [
    "Attempt",
    "BeforeAttempt",
    "Deadline",
    "Outcome",
    "Relay",
    "RoutedRequest",
    "Transport",
    "Upstream",
    "allow_attempt",
]
