"""What a header can carry of a provider's key."""

import re

_VISIBLE_ASCII = re.compile(r"[!-~]+")


def is_sendable(key: str) -> bool:
    """Whether a key can be sent: anything but visible ASCII fails in the connection, or breaks the header."""
    return _VISIBLE_ASCII.fullmatch(key) is not None
