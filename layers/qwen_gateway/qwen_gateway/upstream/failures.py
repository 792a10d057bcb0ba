"""What a provider's error means: one table of HTTP status and code (DashScope's error pages; design, section 3).

Messages are never searched, with one exception that stands in the table as data: 429 `insufficient_quota`
is throttling unless its message says that the free quota is spent.
"""

import email.utils
import math
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from qwen_gateway.errors import (
    ProviderAnswerBroken,
    ProviderBurstThrottled,
    ProviderError,
    ProviderFault,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderOverloaded,
    ProviderRefused,
    ProviderThrottled,
    ProviderTimeout,
)

Cause = type[ProviderError]


class _Rule(NamedTuple):
    """`status` and `code` are patterns, the code in lower case; `message` is the exception named above."""

    status: str
    code: str
    cause: Cause
    message: str = ""


_FREE_QUOTA_SPENT = "free allocated quota exceeded"

RULES = (
    _Rule("*", "arrearage", ProviderOutOfCredit),
    _Rule("*", "commoditynotpurchased", ProviderOutOfCredit),
    _Rule("*", "prepaidbilloverdue", ProviderOutOfCredit),
    _Rule("*", "postpaidbilloverdue", ProviderOutOfCredit),
    _Rule("402", "*", ProviderOutOfCredit),
    _Rule("*", "datainspectionfailed", ProviderRefused),
    _Rule("*", "data_inspection_failed", ProviderRefused),
    _Rule("*", "ipinfringementsuspect", ProviderRefused),
    _Rule("*", "invalidapikey", ProviderKeyRefused),
    _Rule("*", "invalid_api_key", ProviderKeyRefused),
    _Rule("401", "*", ProviderKeyRefused),
    _Rule("403", "*", ProviderModelMissing),
    _Rule("*", "modelnotfound", ProviderModelMissing),
    _Rule("*", "model_not_found", ProviderModelMissing),
    _Rule("*", "model_not_supported", ProviderModelMissing),
    _Rule("404", "*", ProviderModelMissing),
    _Rule("*", "throttling.burstrate", ProviderBurstThrottled),
    _Rule("*", "limit_burst_rate", ProviderBurstThrottled),
    _Rule("429", "insufficient_quota", ProviderModelMissing, message=_FREE_QUOTA_SPENT),
    _Rule("429", "throttling.allocationquota", ProviderModelMissing, message=_FREE_QUOTA_SPENT),
    _Rule("*", "throttling*", ProviderThrottled),
    _Rule("*", "limitrequests", ProviderThrottled),
    _Rule("*", "limit_requests", ProviderThrottled),
    _Rule("429", "*", ProviderThrottled),
    _Rule("*", "requesttimeout", ProviderTimeout),
    _Rule("408", "*", ProviderTimeout),
    _Rule("504", "*", ProviderTimeout),
    _Rule("*", "modelservingerror", ProviderOverloaded),
    _Rule("*", "modelunavailable", ProviderOverloaded),
    _Rule("503", "*", ProviderOverloaded),
    _Rule("5??", "*", ProviderFault),
    _Rule("4??", "*", ProviderRefused),
    _Rule("event", "*", ProviderFault),
    _Rule("*", "*", ProviderAnswerBroken),
)
"""The first rule that fits decides. The status of an error event inside a stream is `event`."""

_LONGEST_WAIT = 3600.0


class Said(NamedTuple):
    """What a provider said about a failure, in any of the envelopes it uses."""

    message: str
    code: str
    param: str | None


def said(body: Any) -> Said:
    """Read an error body: OpenAI's envelope, DashScope's native one, or nothing that can be read."""
    inner = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        return Said("", "", None)
    code = inner.get("code") or inner.get("type") or ""
    param = inner.get("param")
    return Said(str(inner.get("message") or ""), str(code), param if isinstance(param, str) else None)


def cause(status: int | None, words: Said) -> Cause:
    """Return what a failure means; `status` is None for an error event inside a stream."""
    shown, code, message = str(status or "event"), words.code.lower(), words.message.lower()
    return next(
        rule.cause
        for rule in RULES
        if fnmatchcase(shown, rule.status) and fnmatchcase(code, rule.code) and rule.message in message
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds after which the provider wants to be asked again, None when it says nothing sensible."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(seconds, _LONGEST_WAIT) if math.isfinite(seconds) and seconds > 0 else None
