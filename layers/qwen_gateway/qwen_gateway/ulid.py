"""ULIDs: 48 bits of milliseconds and 80 random bits in 26 letters, which sort by time.

The format is that of github.com/ulid/spec. Two of the same millisecond sort by chance: one environment answers one
request at a time, and nothing here depends on a finer order.
"""

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH = 26
_TIME_LENGTH = 10
_RANDOM_BITS = 80
_TIME_BITS = 48


def new(now_ms: int) -> str:
    """Return a fresh ULID.

    Args:
        now_ms: milliseconds since 1970, below 2^48.

    Raises:
        ValueError: the time does not fit.
    """
    if now_ms >> _TIME_BITS:
        raise ValueError("the time is outside of what a ULID can hold")
    number = now_ms << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def time_ms(ulid: str) -> int:
    """Return the time at which a ULID was made, in milliseconds since 1970.

    Raises:
        ValueError: the text is not a ULID.
    """
    if len(ulid) != _LENGTH or ulid[0] > "7" or any(letter not in _VALUES for letter in ulid):
        raise ValueError("not a ULID")
    time = 0
    for letter in ulid[:_TIME_LENGTH]:
        time = time << 5 | _VALUES[letter]
    return time
