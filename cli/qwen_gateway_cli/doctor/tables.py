"""Checks of the stack's tables, its own or adopted ones. They only read.

`make deploy` checks the key schema of a table before the stack adopts it, and a key schema never changes.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from qwen_gateway_cli.doctor.finding import Finding, State

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SUBJECT = "stack"
EXPIRY_ATTRIBUTE = "expires_at"
USABLE_STATES = {"ACTIVE", "UPDATING"}
_EXPIRY_ON = {"ENABLED", "ENABLING"}


class TablesExamination:
    """The checks of the keys table and of the usage table."""

    subject = SUBJECT
    clock_skew_s = None

    def __init__(self, dynamodb: "DynamoDBClient", keys_table: str, usage_table: str) -> None:
        self._dynamodb = dynamodb
        self._keys_table = keys_table
        self._usage_table = usage_table

    def run(self) -> Iterator[Finding]:
        """Run the checks and yield their findings."""
        yield self._check("keys table", self._keys_table, expires=False)
        yield self._check("usage table", self._usage_table, expires=True)

    def _check(self, check: str, table: str, *, expires: bool) -> Finding:
        sent = time.time()
        try:
            state, found, advice = self._examine(table, expires=expires)
        except AWS_ERRORS as error:
            state, found, advice = State.WARNING, f"not known: {explain_aws_error(error)}", ""
        return Finding(SUBJECT, check, state, found, advice, round((time.time() - sent) * 1000))

    def _examine(self, table: str, *, expires: bool) -> tuple[State, str, str]:
        """Return the state, the observation and the remedy."""
        try:
            status = self._dynamodb.describe_table(TableName=table)["Table"]["TableStatus"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return State.FAILED, f"the table {table} does not exist", "Restore it: docs/operations.md, Restore."
        if status not in USABLE_STATES:
            wait = f"Wait: aws dynamodb wait table-exists --table-name {table}"
            return State.FAILED, f"the table {table} is {status}", wait
        if expires and self._read_expiry(table) not in _EXPIRY_ON:
            advice = (
                f"aws dynamodb update-time-to-live --table-name {table} "
                f"--time-to-live-specification Enabled=true,AttributeName={EXPIRY_ATTRIBUTE}"
            )
            return State.WARNING, f"the table {table} keeps every record: its time to live is off", advice
        return State.OK, table, ""

    def _read_expiry(self, table: str) -> str:
        return self._dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]
