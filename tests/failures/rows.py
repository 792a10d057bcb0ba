"""What happens when a provider fails: one table, which tests hold to what is seen over HTTP, and which the docs show.

The route has three targets: 1 and 2 are models of one provider, 3 is a model of another. One request may cost four
calls. A course is written as the calls in their order, with the longest wait before each that has one.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

ATTEMPTS = 4
ANY_OTHER = "any other"
"""Stands for every code that no row names."""


class Way(NamedTuple):
    """One way in which a provider shows a cause.

    `fault` is what the stand-in provider is told to do, `http` the status that the attempt's record keeps.
    Without a fault, `situation` names what has to be arranged around the call.
    """

    words: str
    http: int | None
    fault: Mapping[str, Any] = MappingProxyType({})
    situation: str = ""

    @property
    def keeps_waiting(self) -> bool:
        """Whether only a limit of ours ends the wait."""
        return self.situation == "TLS hangs" or self.fault.get("kind") in {"hang", "drip"}


class Row(NamedTuple):
    """A cause, and what is seen of it.

    `alone` is the course when target 1 alone shows it, or its provider where it is a matter of the provider: the last
    target called answers, unless the failure `is_final`. `by_all` is the course when every target shows it, None where
    there is no such thing; `status`, `code`, `retry_after` and `should_retry` are what the client then gets.
    `recorded` and `charged` are what each failed attempt's record keeps. `route` is the model that the client names.
    """

    cause: str
    ways: tuple[Way, ...]
    alone: str
    by_all: str | None
    status: int
    code: str
    recorded: str
    charged: str
    retry_after: str = ""
    should_retry: str = "false"
    is_final: bool = False
    route: str = "ladder"


def said(status: int, *codes: str, message: str = "") -> tuple[Way, ...]:
    """Return the ways in which an error body says it."""
    more = {"message": message} if message else {}
    words = f' "{message}"' if message else ""
    return tuple(
        Way(f"{status} {_shown(code)}{words}", status, {"status": status, "code": code, **more}) for code in codes
    )


def broken_off(words: str, http: int | None, **fault: Any) -> Way:
    """Return a way in which an answer, or the wait for it, ends."""
    return Way(words, http, fault)


def _shown(code: str) -> str:
    return code if code == ANY_OTHER else f"`{code}`"


FREE_QUOTA = "Free allocated quota exceeded."
NO_MODEL = (
    *said(403, "AccessDenied.Unpurchased", "Model.AccessDenied", "AllocationQuota.FreeTierOnly", "insufficient_quota"),
    *said(404, "ModelNotFound", "model_not_found", "model_not_supported"),
    *said(429, "insufficient_quota", "Throttling.AllocationQuota", message=FREE_QUOTA),
)

ROWS = (
    Row(
        "throttled: requests or tokens per minute",
        said(
            429,
            "Throttling",
            "Throttling.RateQuota",
            "Throttling.AllocationQuota",
            "LimitRequests",
            "limit_requests",
            "insufficient_quota",
        ),
        alone="1, 0.5 s, 1, 2",
        by_all="1, 0.5 s, 1, 2, 3",
        status=429,
        code="provider_throttled",
        retry_after="2",
        recorded="ProviderThrottled",
        charged="none",
    ),
    Row(
        "throttled: burst",
        said(429, "Throttling.BurstRate", "limit_burst_rate"),
        alone="1, 2",
        by_all="1, 2, 3, 5.5 s, 3",
        status=429,
        code="provider_throttled",
        retry_after="5",
        recorded="ProviderBurstThrottled",
        charged="none",
    ),
    Row(
        "overloaded",
        (*said(500, "ModelServingError"), *said(503, "ModelUnavailable", ANY_OTHER)),
        alone="1, 0.5 s, 1, 2",
        by_all="1, 0.5 s, 1, 2, 3",
        status=503,
        code="provider_overloaded",
        retry_after="5",
        recorded="ProviderOverloaded",
        charged="presumed",
    ),
    Row(
        "fault inside the provider",
        (
            *said(
                500,
                "InternalError",
                "InternalError.Algo",
                "InternalError.Timeout",
                "SystemError",
                "ModelServiceFailed",
                ANY_OTHER,
            ),
            broken_off("an HTML page with 502", 502, kind="html", status=502),
            broken_off("`InternalError` in mid-answer", 200, kind="error_event", after_chunks=2, code="InternalError"),
        ),
        alone="1, 0.5 s, 1, 2",
        by_all="1, 0.5 s, 1, 2, 3",
        status=503,
        code="provider_failed",
        recorded="ProviderFault",
        charged="presumed",
    ),
    Row(
        "no connection",
        (
            Way("connection refused", None, situation="nobody listens"),
            Way("name unknown", None, situation="no such name"),
            Way("TLS fails", None, situation="no TLS"),
        ),
        alone="1, 1, 2, 3",
        by_all="1, 1, 2, 3",
        status=503,
        code="provider_unreachable",
        recorded="ProviderUnreachable",
        charged="none",
    ),
    Row(
        "no connection in time",
        (Way("the handshake hangs", None, situation="TLS hangs"),),
        alone="1, 2, 3",
        by_all="1, 2, 3",
        status=503,
        code="provider_unreachable",
        recorded="ProviderConnectTimeout",
        charged="none",
    ),
    Row(
        "connection closed before an answer",
        (broken_off("closed", None, kind="disconnect"), Way("reset", None, situation="resets")),
        alone="1, 0.5 s, 1, 2",
        by_all="1, 0.5 s, 1, 2, 3",
        status=503,
        code="provider_unreachable",
        recorded="ProviderDisconnected",
        charged="presumed",
    ),
    Row(
        "connection that served before",
        (Way("reset", None, situation="reset when idle"), Way("closed", None, situation="closed when idle")),
        alone="1, 1",
        by_all=None,
        status=200,
        code="",
        recorded="ProviderIdleDisconnected",
        charged="presumed",
    ),
    Row(
        "timeout",
        (
            *said(500, "RequestTimeOut"),
            *said(408, ANY_OTHER),
            *said(504, ANY_OTHER),
            broken_off("no first token in time", None, kind="hang"),
            broken_off("silence in mid-answer", 200, kind="hang", after_chunks=2),
            broken_off("single bytes instead of a first token", 200, kind="drip"),
            broken_off("single bytes in mid-answer", 200, kind="drip", after_chunks=2),
        ),
        alone="1, 2",
        by_all="1, 2, 3",
        status=504,
        code="provider_timeout",
        recorded="ProviderTimeout",
        charged="presumed",
    ),
    Row(
        "answer broken",
        (
            broken_off("no `finish_reason`", 200, kind="truncate", after_chunks=2),
            broken_off("an empty body", 200, kind="truncate"),
            broken_off("connection closed in mid-answer", 200, kind="disconnect", after_chunks=2),
            broken_off("no JSON", 200, kind="bad_json"),
            broken_off("no JSON in mid-answer", 200, kind="bad_json", after_chunks=2),
            broken_off("an HTML page with 200", 200, kind="html"),
        ),
        alone="1, 0.5 s, 1, 2",
        by_all="1, 0.5 s, 1, 2, 3",
        status=502,
        code="provider_answer_broken",
        recorded="ProviderAnswerBroken",
        charged="presumed",
    ),
    Row(
        "out of credit, bill open",
        (
            *said(400, "Arrearage"),
            *said(402, ANY_OTHER),
            *said(429, "CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue"),
        ),
        alone="1, 3",
        by_all="1, 3",
        status=503,
        code="provider_out_of_credit",
        recorded="ProviderOutOfCredit",
        charged="none",
    ),
    Row(
        "provider key refused",
        said(401, "InvalidApiKey", "invalid_api_key", ANY_OTHER),
        alone="1, 3",
        by_all="1, 3",
        status=502,
        code="provider_auth_failed",
        recorded="ProviderKeyRefused",
        charged="none",
    ),
    Row(
        "provider key refused, but replaced in the secret meanwhile",
        (Way("replaced", 401, situation="a new key"),),
        alone="1, 1",
        by_all=None,
        status=200,
        code="",
        recorded="ProviderKeyRefused",
        charged="none",
    ),
    Row(
        "no provider key in the secret",
        (Way("missing", None, situation="no key"),),
        alone="3",
        by_all="",
        status=503,
        code="provider_not_configured",
        recorded="",
        charged="",
    ),
    Row(
        "no such model, or no access to it",
        NO_MODEL,
        alone="1, 2",
        by_all="1, 2, 3",
        status=502,
        code="route_model_missing",
        recorded="ProviderModelMissing",
        charged="none",
    ),
    Row(
        "the same, of the model that the client named",
        said(404, "model_not_found"),
        alone="1, 2",
        by_all="1, 2, 3",
        status=404,
        code="model_not_found",
        should_retry="",
        recorded="ProviderModelMissing",
        charged="none",
        route="qwen3-max",
    ),
    Row(
        "request refused: a parameter, its content, its length",
        (
            *said(
                400,
                "InvalidParameter",
                "invalid_value",
                "invalid_parameter_error",
                "DataInspectionFailed",
                "data_inspection_failed",
                "IPInfringementSuspect",
                ANY_OTHER,
            ),
            *said(413, ANY_OTHER),
            *said(422, ANY_OTHER),
        ),
        alone="1",
        by_all="1",
        is_final=True,
        status=400,
        code="provider_refused",
        should_retry="",
        recorded="ProviderRefused",
        charged="none",
    ),
    Row(
        "content refused in mid-answer",
        (
            broken_off(
                "`data_inspection_failed` in the stream",
                200,
                kind="error_event",
                after_chunks=2,
                code="data_inspection_failed",
            ),
        ),
        alone="1",
        by_all="1",
        is_final=True,
        status=400,
        code="provider_refused",
        should_retry="",
        recorded="ProviderRefused",
        charged="presumed",
    ),
)
