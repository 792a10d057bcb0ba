"""The API key as its holder sees it: `sk-qg-<id>-<secret><checksum>`, each part in base62.

The id finds the key's item in the table. The secret's 22 digits carry 131 bits. The checksum, six digits of CRC-32
over everything before it, tells a mistyped or cut key from one that was never given out, without a call to AWS.
"""

import hashlib
import re
import secrets
import zlib
from typing import NamedTuple

from qwen_gateway.errors import KeyUnknown
from qwen_gateway.ledger import base62

_ID_DIGITS = 12
_SECRET_DIGITS = 22
_CHECKSUM_DIGITS = 6
_FORM = re.compile(rf"sk-qg-([0-9A-Za-z]{{10,32}})-[0-9A-Za-z]{{{_SECRET_DIGITS + _CHECKSUM_DIGITS}}}")


class Token(NamedTuple):
    """A token whose form and checksum are right. Whether it opens anything, only the table knows."""

    id: str
    text: str

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"Token(id={self.id!r})"


def new_id() -> str:
    """Return a fresh key id."""
    return _random_digits(_ID_DIGITS)


def create(key_id: str) -> str:
    """Return a fresh token of a key. It is the only copy: the table keeps its digest."""
    body = f"sk-qg-{key_id}-{_random_digits(_SECRET_DIGITS)}"
    return body + _checksum(body)


def parse(text: str) -> Token:
    """Return the token that a client sent.

    Raises:
        KeyUnknown: it cannot be a token of any gateway of this kind.
    """
    form = _FORM.fullmatch(text)
    if form is None or _checksum(text[:-_CHECKSUM_DIGITS]) != text[-_CHECKSUM_DIGITS:]:
        raise KeyUnknown(
            "This is not a complete API key of this gateway. Its keys begin with sk-qg- and are shown once, "
            "when they are made; copy the whole key."
        )
    return Token(form[1], text)


def digest(text: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal: what the table keeps.

    A plain hash is enough for a secret of 131 random bits; a slow one protects only what people choose.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def _random_digits(count: int) -> str:
    return "".join(secrets.choice(base62.ALPHABET) for _ in range(count))


def _checksum(body: str) -> str:
    return base62.encode(zlib.crc32(body.encode()), _CHECKSUM_DIGITS)
