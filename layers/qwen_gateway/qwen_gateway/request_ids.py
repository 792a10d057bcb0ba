"""The two ids of a request. Its log lines, its metrics, its usage record and its response have both."""

import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from qwen_gateway import ulid

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)


class RequestIds(NamedTuple):
    """The gateway's id and API Gateway's.

    `request_id` is `req_` and the ULID of the usage record; the response's `x-request-id`. `api_request_id` is
    `$context.requestId` of the access log and the response's `x-amzn-requestid`; None if the event has no valid one. It
    is not unique: clients can set it (API Gateway developer guide, "Access logging for REST APIs").
    """

    request_id: str
    api_request_id: str | None = None

    @classmethod
    def create(cls, event: Mapping[str, Any]) -> Self:
        """Create the id of a request that arrives now, and take API Gateway's from its proxy event."""
        return cls(f"req_{ulid.new(time.time_ns() // 1_000_000)}", _find_api_request_id(event))

    @property
    def ulid(self) -> str:
        """The id of the usage record."""
        return self.request_id.removeprefix("req_")

    def log_fields(self) -> dict[str, str]:
        """Return the ids that exist, for a log line."""
        fields = {"request_id": self.request_id}
        return fields | {"api_request_id": self.api_request_id} if self.api_request_id else fields


def _find_api_request_id(event: Mapping[str, Any]) -> str | None:
    """Return the id if it is a UUID: any other text could be a key or a prompt, and the id is logged."""
    context = event.get("requestContext")
    value = context.get("requestId") if isinstance(context, Mapping) else None
    return value if isinstance(value, str) and _UUID.fullmatch(value) else None
