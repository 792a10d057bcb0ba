"""What the AWS account allows a deployed stack. Only read, never changed."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3.session
from botocore.config import Config
from botocore.exceptions import ClientError

from qwen_gateway_cli.doctor import clock
from qwen_gateway_cli.doctor.finding import Finding, State
from qwen_gateway_cli.failures import AWS_FAILURES, explain

SUBJECT = "aws"
_USUAL_CONCURRENCY = 1_000
_PATIENCE = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})

type Answer = Mapping[str, Any]
type Judge = Callable[[Answer], Finding]


class Account:
    """The account and region of a stack on AWS."""

    subject = SUBJECT

    def __init__(self, session: boto3.session.Session, *, access_logs: bool) -> None:
        self._session = session
        self._access_logs = access_logs
        self.skew: float | None = None

    def findings(self) -> Iterator[Finding]:
        """Ask, and judge what was answered."""
        functions = self._session.client("lambda", config=_PATIENCE)
        yield self._judged("concurrency", functions.get_account_settings, judge_concurrency)
        if self._access_logs:
            gateway: Any = self._session.client("apigateway", config=_PATIENCE)
            yield self._judged("log role", gateway.get_account, judge_log_role)

    def _judged(self, check: str, ask: Callable[[], Any], judge: Judge) -> Finding:
        asked = time.time()
        try:
            answer = ask()
        except AWS_FAILURES as failure:
            if isinstance(failure, ClientError):
                self._read_clock(failure.response, asked)
            advice = "The operator's own role needs this read-only permission." if _is_denied(failure) else ""
            return Finding(SUBJECT, check, State.WARNING, f"not known: {explain(failure)}", advice)
        self._read_clock(answer, asked)
        return judge(answer)._replace(latency_ms=round((time.time() - asked) * 1000))

    def _read_clock(self, answer: Any, asked: float) -> None:
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        self.skew = clock.skew(date, asked, time.time())


def judge_concurrency(settings: Answer) -> Finding:
    """Judge `GetAccountSettings`: a fresh account runs ten calls at once, where others have a thousand."""
    limits = settings["AccountLimit"]
    allowed, unreserved = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    if allowed < _USUAL_CONCURRENCY:
        found = f"this account and region run at most {allowed} calls at once; further ones are refused with 429"
        advice = "Ask for more: AWS console, Service Quotas, AWS Lambda, Concurrent executions."
        return Finding(SUBJECT, "concurrency", State.WARNING, found, advice)
    if unreserved < _USUAL_CONCURRENCY:
        found = f"{unreserved} calls at once; functions have reserved the other {allowed - unreserved}"
        advice = "Reserve less for other functions, or set ReservedConcurrency for this stack's chat."
        return Finding(SUBJECT, "concurrency", State.WARNING, found, advice)
    return Finding(SUBJECT, "concurrency", State.OK, f"{unreserved} calls at once")


def judge_log_role(account: Answer) -> Finding:
    """Judge API Gateway's `GetAccount` for a stack that wants access logs."""
    if account.get("cloudwatchRoleArn"):
        return Finding(SUBJECT, "log role", State.OK, "API Gateway may write access logs")
    found = "AccessLogs is on, but API Gateway has no role for CloudWatch in this account and region"
    advice = (
        "Give it one (API Gateway console, Settings, Logging; the policy is AmazonAPIGatewayPushToCloudWatchLogs), "
        "or deploy with AccessLogs=off."
    )
    return Finding(SUBJECT, "log role", State.FAILED, found, advice)


def _is_denied(failure: Exception) -> bool:
    return isinstance(failure, ClientError) and failure.response["Error"]["Code"].startswith("AccessDenied")
