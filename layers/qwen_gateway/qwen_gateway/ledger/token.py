"""The format of an API key: `sk-qg-<id>-<secret><checksum>`, each part in base62.

The id is the primary key of the item in the keys table. The secret's 22 digits have 131 random bits. The checksum, six
digits of CRC-32 over everything before it, detects a mistyped or truncated key without a call to AWS. In base62 a
double click selects a whole part.
"""

import hashlib
import re
import secrets
import zlib
from typing import NamedTuple

from qwen_gateway.errors import KeyUnknown

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_ID_DIGITS = 12
_SECRET_DIGITS = 22
_CHECKSUM_DIGITS = 6
_FORMAT = re.compile(rf"sk-qg-([0-9A-Za-z]{{10,32}})-[0-9A-Za-z]{{{_SECRET_DIGITS + _CHECKSUM_DIGITS}}}")


class Token(NamedTuple):
    """A token with a valid format and checksum. Whether it is a valid key is decided by the keys table."""

    id: str
    text: str

    def __repr__(self) -> str:
        """Omit the secret."""
        return f"Token(id={self.id!r})"


def create_id() -> str:
    """Return a new random key id."""
    return _random_digits(_ID_DIGITS)


def create(key_id: str) -> str:
    """Return a new random token for a key. It is the only copy: the table stores its digest."""
    body = f"sk-qg-{key_id}-{_random_digits(_SECRET_DIGITS)}"
    return body + _checksum(body)


def parse(text: str) -> Token:
    """Parse the token that a client sent.

    Raises:
        KeyUnknown: the format or the checksum is invalid.
    """
    match = _FORMAT.fullmatch(text)
    if match is None or _checksum(text[:-_CHECKSUM_DIGITS]) != text[-_CHECKSUM_DIGITS:]:
        raise KeyUnknown(
            "This is not a complete API key of this gateway. Its keys begin with sk-qg- and are shown once, "
            "when they are made; copy the whole key."
        )
    return Token(match[1], text)


def digest(text: str) -> str:
    """Return the SHA-256 of a token in hexadecimal, which is what the table stores.

    A plain hash is enough for a secret of 131 random bits; slow hashes protect passwords that people choose.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def encode_base62(number: int, width: int) -> str:
    """Return a number, 0 or more, as `width` base62 digits, the most significant first.

    Raises:
        ValueError: the number needs more digits or is negative.
    """
    digits = [""] * width
    for place in reversed(range(width)):
        number, digit = divmod(number, 62)
        digits[place] = BASE62[digit]
    if number:
        raise ValueError("the number does not fit")
    return "".join(digits)


def _random_digits(count: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(count))


def _checksum(body: str) -> str:
    return encode_base62(zlib.crc32(body.encode()), _CHECKSUM_DIGITS)
