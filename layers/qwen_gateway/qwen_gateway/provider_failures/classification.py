"""Recognize a provider's error by the rows of the table.

The code of the error body decides, then the HTTP status (DashScope's error pages; design, section 3). A message counts
only where a row names it: where providers use one code or status for two causes.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from qwen_gateway.errors import ProviderAnswerBroken, ProviderError
from qwen_gateway.provider_failures.error_body import ErrorBody
from qwen_gateway.provider_failures.messages import EVENT
from qwen_gateway.provider_failures.table import ACCESS_CODES, PROVIDER_FAILURES

_REDIRECT, _FORBIDDEN = 300, 403
_KEY = re.compile(r"\bsk-[\w*.-]{3,}")


def quotable_message(error: ProviderError) -> str:
    """Return the provider's message if a client may read it.

    Nothing of a 403 is quoted: it is about the account of the gateway's owner, and resellers name its balance. A key
    in any other message is left out.
    """
    code = (error.code or "").lower()
    is_forbidden = error.status == _FORBIDDEN or any(fnmatchcase(code, pattern) for pattern in ACCESS_CODES)
    return "" if is_forbidden else _KEY.sub("sk-...", error.message)


def classify(status: int | None, body: ErrorBody) -> type[ProviderError]:
    """Return the error that a provider's error response means.

    Args:
        status: the HTTP status; None for an error event inside a stream, and a successful one means the same.
        body: the error body; its message only decides where a row names it.
    """
    code, message = body.code.lower(), body.message.lower()
    has_status = status is not None and status >= _REDIRECT
    wire_status = str(status) if has_status else code if _ERROR_STATUS.fullmatch(code) else EVENT
    return (
        _match_exception(wire_status, code, message)
        or _most_specific(code, _CODES)
        or _match_message(wire_status, message)
        or (_most_specific(code, _EVENT_CODES) if wire_status == EVENT else None)
        or _most_specific(wire_status, _STATUSES)
        or ProviderAnswerBroken
    )


type _Patterns = list[tuple[str, type[ProviderError]]]


def _sort(patterns: Iterable[tuple[str, type[ProviderError]]]) -> _Patterns:
    """Sort the most specific pattern first: the one with the most literal characters."""
    return sorted(patterns, key=lambda each: -len(each[0].replace("*", "").replace("?", "")))


_ERROR_STATUS = re.compile("[45][0-9]{2}")
"""An HTTP status in place of a code, as vLLM and OpenRouter send it."""
_CODES = _sort((pattern, row.error) for row in PROVIDER_FAILURES for pattern in row.codes)
_EVENT_CODES = _sort((pattern, row.error) for row in PROVIDER_FAILURES for pattern in row.event_codes)
_STATUSES = _sort((pattern, row.error) for row in PROVIDER_FAILURES for pattern in row.statuses)


def _most_specific(text: str, patterns: _Patterns) -> type[ProviderError] | None:
    return next((error for pattern, error in patterns if fnmatchcase(text, pattern)), None)


def _match_exception(status: str, code: str, message: str) -> type[ProviderError] | None:
    for row in PROVIDER_FAILURES:
        if any((status, code) == each[:2] and each.message in message for each in row.exceptions):
            return row.error
    return None


def _match_message(status: str, message: str) -> type[ProviderError] | None:
    for row in PROVIDER_FAILURES:
        if any(status == each.status and fnmatchcase(message, f"*{each.message}*") for each in row.messages):
            return row.error
    return None
