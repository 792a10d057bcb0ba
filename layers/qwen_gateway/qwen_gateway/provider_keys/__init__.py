"""Keys of the providers, from Secrets Manager (`secrets_manager`) or from the environment (`environment`).

Import from these modules: this package re-exports nothing, so that the library works without botocore and the functions
load only `secrets_manager`.
"""

import re

_VISIBLE_ASCII = re.compile(r"[!-~]+")


def is_valid_header_value(key: str) -> bool:
    """Return whether a key consists of visible ASCII only. Other characters make the HTTP header invalid."""
    return _VISIBLE_ASCII.fullmatch(key) is not None
