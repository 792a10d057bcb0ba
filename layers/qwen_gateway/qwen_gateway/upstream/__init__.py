"""The Qwen client: providers, one deadline, named failures."""

from qwen_gateway.upstream.answering import Attempt, Event
from qwen_gateway.upstream.client import Upstream
from qwen_gateway.upstream.deadline import Deadline
from qwen_gateway.upstream.outcome import Outcome
from qwen_gateway.upstream.relay import Relay
from qwen_gateway.upstream.transport import Transport

__all__ = ["Attempt", "Deadline", "Event", "Outcome", "Relay", "Transport", "Upstream"]
