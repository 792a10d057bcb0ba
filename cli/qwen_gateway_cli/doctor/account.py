"""Checks of the AWS account's limits and settings. They only read."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3.session
from botocore.config import Config
from botocore.exceptions import ClientError

from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from qwen_gateway_cli.doctor.finding import Finding, State
from qwen_gateway_cli.doctor.runner import measure_clock_skew

SUBJECT = "aws"
_USUAL_CONCURRENCY = 1_000
_TIMEOUTS = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})

type Response = Mapping[str, Any]


class AccountExamination:
    """The checks of the account and region of a stack on AWS."""

    subject = SUBJECT

    def __init__(self, session: boto3.session.Session, *, access_logs: bool) -> None:
        self._session = session
        self._access_logs = access_logs
        self.clock_skew_s: float | None = None

    def run(self) -> Iterator[Finding]:
        """Run the checks and yield their findings."""
        functions = self._session.client("lambda", config=_TIMEOUTS)
        yield self._check("concurrency", functions.get_account_settings, judge_concurrency)
        if self._access_logs:
            gateway: Any = self._session.client("apigateway", config=_TIMEOUTS)
            yield self._check("log role", gateway.get_account, judge_log_role)

    def _check(self, check: str, send: Callable[[], Any], judge: Callable[[Response], Finding]) -> Finding:
        sent = time.time()
        try:
            response = send()
        except AWS_ERRORS as error:
            if isinstance(error, ClientError):
                self._measure_clock(error.response, sent)
            advice = "Give this read-only permission to the operator's role." if _is_denied(error) else ""
            return Finding(SUBJECT, check, State.WARNING, f"not known: {explain_aws_error(error)}", advice)
        self._measure_clock(response, sent)
        return judge(response)._replace(latency_ms=round((time.time() - sent) * 1000))

    def _measure_clock(self, response: Any, sent: float) -> None:
        date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        self.clock_skew_s = measure_clock_skew(date, sent, time.time())


def judge_concurrency(settings: Response) -> Finding:
    """Judge `GetAccountSettings`: a new account runs 10 invocations at once, the default quota is 1,000."""
    limits = settings["AccountLimit"]
    allowed, unreserved = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    if allowed < _USUAL_CONCURRENCY:
        found = (
            f"this account and region run at most {allowed} calls at once; clients of others receive 503 gateway_busy"
        )
        advice = "Request a higher quota: AWS console, Service Quotas, AWS Lambda, Concurrent executions."
        return Finding(SUBJECT, "concurrency", State.WARNING, found, advice)
    if unreserved < _USUAL_CONCURRENCY:
        found = f"{unreserved} calls at once; functions have reserved the other {allowed - unreserved}"
        advice = "Reserve less for other functions, or set ReservedConcurrency for this stack's chat function."
        return Finding(SUBJECT, "concurrency", State.WARNING, found, advice)
    return Finding(SUBJECT, "concurrency", State.OK, f"{unreserved} calls at once")


def judge_log_role(account: Response) -> Finding:
    """Judge API Gateway's `GetAccount` for a stack with access logs."""
    if account.get("cloudwatchRoleArn"):
        return Finding(SUBJECT, "log role", State.OK, "API Gateway can write access logs")
    found = "AccessLogs is on, but API Gateway has no role for CloudWatch in this account and region"
    advice = (
        "Set the role (API Gateway console, Settings, Logging; the policy is AmazonAPIGatewayPushToCloudWatchLogs), "
        "or deploy with AccessLogs=off."
    )
    return Finding(SUBJECT, "log role", State.FAILED, found, advice)


def _is_denied(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"].startswith("AccessDenied")
