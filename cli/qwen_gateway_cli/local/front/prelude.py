"""The beginning of a streamed answer: its head as JSON, eight NUL bytes, and then the payload.

Source: the API Gateway developer guide, "Lambda proxy integration format for response streaming".
"""

from collections.abc import AsyncIterator

from qwen_gateway_cli.local.front.head import Head, MalformedAnswer, head_of, object_of

MAX_BYTES = 16 * 1024
"""API Gateway looks no further for the delimiter."""

_DELIMITER = bytes(8)
_FIELDS = frozenset({"statusCode", "headers", "multiValueHeaders", "cookies"})


async def read(pieces: AsyncIterator[bytes]) -> tuple[Head, bytes]:
    """Return the head, and what of the payload came in one piece with it. Raises MalformedAnswer."""
    begun = b""
    async for piece in pieces:
        begun += piece
        head, delimiter, payload = begun.partition(_DELIMITER)
        if len(head) + len(_DELIMITER) > MAX_BYTES:
            raise MalformedAnswer("its first 16 KB hold no delimiter of 8 NUL bytes")
        if delimiter:
            return head_of(object_of(head, _FIELDS)), payload
    raise MalformedAnswer("it ends before the delimiter of 8 NUL bytes")
