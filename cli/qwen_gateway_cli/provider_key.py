"""What cannot be a provider's key, seen before it costs a refused call. No message ever repeats the key."""

import re

from qwen_gateway.provider_keys import is_valid_header_value

_QUOTED = re.compile(r"""["'`].*|.*["'`]""")
_PLACEHOLDER = re.compile(
    r"(sk-)?[x*.]+|<.*>|\$.*|.*\byour[-_ ].*|(sk-)?\.\.\..*|.*(api|provider|dashscope)[-_]?key|change[-_]?me",
    re.IGNORECASE,
)


def wrong_with(key: str) -> str | None:
    """Return why this cannot be a key, as a sentence that says what helps; None when it may be one."""
    if not key:
        return "The key is empty."
    if not is_valid_header_value(key):
        return "The key has white space, line breaks or letters inside that no key has. Copy it again."
    if _QUOTED.fullmatch(key):
        return "The key has quotes around it. Set it without them."
    if _PLACEHOLDER.fullmatch(key):
        return "This is the placeholder of an example, not a key. Copy the real one from the provider's console."
    return None
