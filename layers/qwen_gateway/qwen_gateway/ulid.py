"""ULIDs: 48 bits of milliseconds and 80 random bits in 26 characters, sortable by time (github.com/ulid/spec).

The order of two ULIDs of the same millisecond is random. That is enough here: an environment serves one request at a
time, and no code relies on a finer order.
"""

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_TIME_BITS = 48
_LENGTH = 26
_TIME_CHARACTERS = 10


def new(now_ms: int) -> str:
    """Return a new ULID.

    Args:
        now_ms: milliseconds since 1970, below 2^48.

    Raises:
        ValueError: the time is out of range.
    """
    return _encode(now_ms, secrets.randbits(_RANDOM_BITS))


def time_prefix(now_ms: int) -> str:
    """Return the first ten characters of the ULIDs of a time in milliseconds since 1970.

    It sorts after the ULIDs of all earlier times, and before those of its own.
    """
    return _encode(now_ms, 0)[:_TIME_CHARACTERS]


def milliseconds(text: str) -> int:
    """Return the time of a ULID, in milliseconds since 1970.

    Raises:
        ValueError: the text is no ULID.
    """
    if len(text) != _LENGTH:
        raise ValueError("a ULID has 26 characters")
    number = 0
    for character in text:
        number = number << 5 | _ALPHABET.index(character)
    return number >> _RANDOM_BITS


def _encode(now_ms: int, random: int) -> str:
    if now_ms >> _TIME_BITS:
        raise ValueError("the time is outside of the range of a ULID")
    number = now_ms << _RANDOM_BITS | random
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
