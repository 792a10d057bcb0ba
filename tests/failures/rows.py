"""Expected behaviour for each provider failure: tests verify the table over HTTP, and the docs show it.

The route has three targets: 1 and 2 are models of one provider, 3 is a model of another. One request makes at most
four provider calls. A sequence of calls lists the targets in order, with the longest possible wait before each retry.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

ATTEMPTS = 4
ANY_OTHER = "any other"
"""Placeholder for every error code that no row lists."""


class Variant(NamedTuple):
    """One form of a provider failure.

    `fault` configures the mock provider; `http` is the status in the attempt's record. Without a fault, `situation`
    names the setup that the test has to make.
    """

    description: str
    http: int | None
    fault: Mapping[str, Any] = MappingProxyType({})
    situation: str = ""

    @property
    def ends_by_timeout(self) -> bool:
        """Whether one of the gateway's timeouts ends the attempt."""
        return self.situation == "TLS hangs" or self.fault.get("kind") in {"hang", "drip"}


class Row(NamedTuple):
    """A cause of failure and its expected effects.

    `calls_if_first_fails` applies when only target 1 fails, or all of its provider for a provider-wide cause: the last
    target called answers, unless the failure `is_final`. `calls_if_all_fail` applies when every target fails (None
    where that cannot happen); the client then receives `status`, `code`, `retry_after` and `should_retry`. The record
    of each failed attempt holds `recorded_cause` and `charged`. `route` is the model in the client's request.
    """

    cause: str
    variants: tuple[Variant, ...]
    calls_if_first_fails: str
    calls_if_all_fail: str | None
    status: int
    code: str
    recorded_cause: str
    charged: str = "none"
    retry_after: str = ""
    should_retry: str = "false"
    is_final: bool = False
    route: str = "ladder"


def make_errors(status: int, *codes: str, message: str = "") -> tuple[Variant, ...]:
    """Return one variant for each error code in the body of an HTTP error."""
    more = {"message": message} if message else {}
    quoted = f' "{message}"' if message else ""
    return tuple(
        Variant(f"{status} {_format_code(code)}{quoted}", status, {"status": status, "code": code, **more})
        for code in codes
    )


def make_fault(description: str, http: int | None, **fault: Any) -> Variant:
    """Return a variant in which the response, or the wait for it, ends early."""
    return Variant(description, http, fault)


def _format_code(code: str) -> str:
    return code if code == ANY_OTHER else f"`{code}`"


FREE_QUOTA = "Free allocated quota exceeded."
INPUT_LENGTH = "Range of input length should be [1, 129024]"
CONTEXT_LENGTH = "This model's maximum context length is 32768 tokens."
NO_MODEL = (
    *make_errors(
        403, "AccessDenied.Unpurchased", "Model.AccessDenied", "AllocationQuota.FreeTierOnly", "insufficient_quota"
    ),
    *make_errors(404, "ModelNotFound", "model_not_found", "model_not_supported"),
    *make_errors(400, "InvalidParameter", message="Model not exist."),
    *make_errors(429, "insufficient_quota", "Throttling.AllocationQuota", message=FREE_QUOTA),
    *make_errors(400, "InvalidParameter", message="Model not exist."),
)

ROWS = (
    Row(
        "throttled: requests or tokens per minute",
        (
            *make_errors(429, "Throttling", "Throttling.RateQuota", "Throttling.AllocationQuota"),
            *make_errors(429, "LimitRequests", "limit_requests", "insufficient_quota"),
        ),
        calls_if_first_fails="1, 0.5 s, 1, 2",
        calls_if_all_fail="1, 0.5 s, 1, 2, 3",
        status=429,
        code="provider_throttled",
        retry_after="2",
        recorded_cause="ProviderThrottled",
    ),
    Row(
        "throttled: burst",
        make_errors(429, "Throttling.BurstRate", "limit_burst_rate"),
        calls_if_first_fails="1, 2",
        calls_if_all_fail="1, 2, 3, 5.5 s, 3",
        status=429,
        code="provider_throttled",
        retry_after="5",
        recorded_cause="ProviderBurstThrottled",
    ),
    Row(
        "overloaded",
        (*make_errors(500, "ModelServingError"), *make_errors(503, "ModelUnavailable", ANY_OTHER)),
        calls_if_first_fails="1, 0.5 s, 1, 2",
        calls_if_all_fail="1, 0.5 s, 1, 2, 3",
        status=503,
        code="provider_overloaded",
        retry_after="5",
        recorded_cause="ProviderOverloaded",
        charged="presumed",
    ),
    Row(
        "internal error of the provider",
        (
            *make_errors(500, "InternalError", "InternalError.Algo", "InternalError.Timeout"),
            *make_errors(500, "SystemError", "ModelServiceFailed", ANY_OTHER),
            make_fault("an HTML page with 502", 502, kind="html", status=502),
            make_fault("`InternalError` in mid-answer", 200, kind="error_event", after_chunks=2, code="InternalError"),
        ),
        calls_if_first_fails="1, 0.5 s, 1, 2",
        calls_if_all_fail="1, 0.5 s, 1, 2, 3",
        status=503,
        code="provider_failed",
        recorded_cause="ProviderFault",
        charged="presumed",
    ),
    Row(
        "no connection",
        (
            Variant("connection refused", None, situation="connection refused"),
            Variant("name unknown", None, situation="no such name"),
            Variant("TLS fails", None, situation="no TLS"),
        ),
        calls_if_first_fails="1, 1, 2, 3",
        calls_if_all_fail="1, 1, 2, 3",
        status=503,
        code="provider_unreachable",
        recorded_cause="ProviderUnreachable",
    ),
    Row(
        "no connection in time",
        (Variant("the handshake hangs", None, situation="TLS hangs"),),
        calls_if_first_fails="1, 2, 3",
        calls_if_all_fail="1, 2, 3",
        status=503,
        code="provider_unreachable",
        recorded_cause="ProviderConnectTimeout",
    ),
    Row(
        "connection closed before an answer",
        (make_fault("closed", None, kind="disconnect"), Variant("reset", None, situation="resets")),
        calls_if_first_fails="1, 0.5 s, 1, 2",
        calls_if_all_fail="1, 0.5 s, 1, 2, 3",
        status=503,
        code="provider_unreachable",
        recorded_cause="ProviderDisconnected",
        charged="presumed",
    ),
    Row(
        "reused connection closed",
        (Variant("reset", None, situation="reset when idle"), Variant("closed", None, situation="closed when idle")),
        calls_if_first_fails="1, 1",
        calls_if_all_fail=None,
        status=200,
        code="",
        recorded_cause="ProviderIdleDisconnected",
        charged="presumed",
    ),
    Row(
        "timeout",
        (
            *make_errors(500, "RequestTimeOut"),
            *make_errors(408, ANY_OTHER),
            *make_errors(504, ANY_OTHER),
            make_fault("no first token in time", None, kind="hang"),
            make_fault("no data in mid-answer", 200, kind="hang", after_chunks=2),
            make_fault("single bytes instead of a first token", 200, kind="drip"),
            make_fault("single bytes in mid-answer", 200, kind="drip", after_chunks=2),
        ),
        calls_if_first_fails="1, 2",
        calls_if_all_fail="1, 2, 3",
        status=504,
        code="provider_timeout",
        recorded_cause="ProviderTimeout",
        charged="presumed",
    ),
    Row(
        "malformed answer",
        (
            make_fault("no `finish_reason`", 200, kind="truncate", after_chunks=2),
            make_fault("an empty body", 200, kind="truncate"),
            make_fault("connection closed in mid-answer", 200, kind="disconnect", after_chunks=2),
            make_fault("no JSON", 200, kind="bad_json"),
            make_fault("no JSON in mid-answer", 200, kind="bad_json", after_chunks=2),
            make_fault("an HTML page with 200", 200, kind="html"),
        ),
        calls_if_first_fails="1, 0.5 s, 1, 2",
        calls_if_all_fail="1, 0.5 s, 1, 2, 3",
        status=502,
        code="provider_answer_broken",
        recorded_cause="ProviderAnswerBroken",
        charged="presumed",
    ),
    Row(
        "out of credit, unpaid bill",
        (
            *make_errors(400, "Arrearage"),
            *make_errors(402, ANY_OTHER),
            *make_errors(403, "insufficient_user_quota", "pre_consume_token_quota_failed"),
            *make_errors(429, "CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue"),
        ),
        calls_if_first_fails="1, 3",
        calls_if_all_fail="1, 3",
        status=503,
        code="provider_out_of_credit",
        recorded_cause="ProviderOutOfCredit",
    ),
    Row(
        "provider key rejected",
        make_errors(401, "InvalidApiKey", "invalid_api_key", ANY_OTHER),
        calls_if_first_fails="1, 3",
        calls_if_all_fail="1, 3",
        status=502,
        code="provider_auth_failed",
        recorded_cause="ProviderKeyRefused",
    ),
    Row(
        "provider key rejected, replaced in the secret since",
        (Variant("replaced", 401, situation="a new key"),),
        calls_if_first_fails="1, 1",
        calls_if_all_fail=None,
        status=200,
        code="",
        recorded_cause="ProviderKeyRefused",
    ),
    Row(
        "no provider key in the secret",
        (Variant("missing", None, situation="no key"),),
        calls_if_first_fails="3",
        calls_if_all_fail="",
        status=503,
        code="provider_not_configured",
        recorded_cause="",
        charged="",
    ),
    Row(
        "no such model, or no access to it",
        NO_MODEL,
        calls_if_first_fails="1, 2",
        calls_if_all_fail="1, 2, 3",
        status=502,
        code="route_model_missing",
        recorded_cause="ProviderModelMissing",
    ),
    Row(
        "the same for the model named in the request",
        make_errors(404, "model_not_found"),
        calls_if_first_fails="1, 2",
        calls_if_all_fail="1, 2, 3",
        status=404,
        code="model_not_found",
        should_retry="",
        recorded_cause="ProviderModelMissing",
        route="qwen4-max",
    ),
    Row(
        "request rejected: parameter, content",
        (
            *make_errors(
                400,
                "InvalidParameter",
                "invalid_value",
                "invalid_parameter_error",
                "DataInspectionFailed",
                "data_inspection_failed",
                "IPInfringementSuspect",
                ANY_OTHER,
            ),
            *make_errors(413, ANY_OTHER),
            *make_errors(422, ANY_OTHER),
        ),
        calls_if_first_fails="1",
        calls_if_all_fail="1",
        is_final=True,
        status=400,
        code="provider_refused",
        should_retry="",
        recorded_cause="ProviderRefused",
    ),
    Row(
        "request rejected: longer than the model's context",
        (
            *make_errors(400, "context_length_exceeded"),
            *make_errors(400, "InvalidParameter", "invalid_parameter_error", message=INPUT_LENGTH),
            *make_errors(400, ANY_OTHER, message=CONTEXT_LENGTH),
        ),
        calls_if_first_fails="1",
        calls_if_all_fail="1",
        is_final=True,
        status=400,
        code="context_length_exceeded",
        should_retry="",
        recorded_cause="ProviderContextExceeded",
    ),
    Row(
        "content rejected in mid-answer",
        (
            make_fault(
                "`data_inspection_failed` in the stream",
                200,
                kind="error_event",
                after_chunks=2,
                code="data_inspection_failed",
            ),
        ),
        calls_if_first_fails="1",
        calls_if_all_fail="1",
        is_final=True,
        status=400,
        code="provider_refused",
        should_retry="",
        recorded_cause="ProviderRefused",
        charged="presumed",
    ),
)
