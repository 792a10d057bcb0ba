"""What became of a request."""

from typing import NamedTuple

from qwen_gateway.errors import GatewayError
from qwen_gateway.upstream.answering import Attempt


class Outcome[Answer](NamedTuple):
    """An answer or a failure, and every call that is over.

    `lowered_cap` is the output cap, in tokens, that the last target was given when the client asked for more.
    """

    attempts: tuple[Attempt, ...]
    result: Answer | GatewayError
    lowered_cap: int | None = None
