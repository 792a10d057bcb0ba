"""The response headers of a call, which tell how the gateway answered it."""

from datetime import UTC
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from qwen_gateway.catalog import Retirement
from qwen_gateway.config import Endpoint
from qwen_gateway.routing import RETIREMENT_NOTICE, Target
from qwen_gateway.upstream import Outcome, Relay


def build_response_headers(
    outcome: Outcome[Any], endpoint: Endpoint, retirement: Retirement | None = None
) -> dict[str, str]:
    """Return the headers that name the answering or the last target, the number of calls, and the changed numbers.

    `endpoint` is the one that was called. `retirement`: that of the model that answers, if clients have to be warned.
    """
    headers: dict[str, str] = {}
    if isinstance(outcome.result, Relay):
        headers = _target_headers(outcome.result.target, outcome.result.attempts)
    elif outcome.attempts:
        headers = _target_headers(outcome.attempts[-1].target, sum(attempt.calls for attempt in outcome.attempts))
    changes = {f"x-gateway-{field.replace('_', '-')}": str(value) for field, value in outcome.changes.items()}
    return headers | changes | (_retirement_headers(retirement, endpoint) if retirement else {})


def _target_headers(target: Target, attempts: int) -> dict[str, str]:
    return {
        "x-gateway-provider": target.provider,
        "x-gateway-model": target.model,
        "x-gateway-attempts": str(attempts),
    }


def _retirement_headers(retirement: Retirement, endpoint: Endpoint) -> dict[str, str]:
    """Return the headers of RFC 9745 and RFC 8594, and a link (RFC 5829) to the model that replaces the answering one.

    The link is relative to the endpoint, because the gateway does not know the path before `/v1`.
    """
    headers = {
        "deprecation": f"@{int((retirement.date - RETIREMENT_NOTICE).timestamp())}",
        "sunset": format_datetime(retirement.date.astimezone(UTC), usegmt=True),
    }
    if retirement.successor:
        parents = "../" * endpoint.count("/")
        headers["link"] = f'<{parents}models/{quote(retirement.successor, safe="")}>; rel="successor-version"'
    return headers
