"""The providers' client: attempts, one deadline, named errors."""

from qwen_gateway.upstream.client import Upstream
from qwen_gateway.upstream.outcome import Attempt, Outcome
from qwen_gateway.upstream.provider_stream import Event
from qwen_gateway.upstream.relay import Relay
from qwen_gateway.upstream.timeouts import Deadline
from qwen_gateway.upstream.transport import Transport

__all__ = ["Attempt", "Deadline", "Event", "Outcome", "Relay", "Transport", "Upstream"]
