"""What a client is told when DynamoDB fails: one sentence, whatever the cause, and none of its words."""

from botocore.exceptions import BotoCoreError, ClientError

from qwen_gateway.errors import LedgerUnavailable

FAILURES = (ClientError, BotoCoreError)
"""Down, throttled, denied, table missing: whatever a call may raise."""


def ledger_unavailable() -> LedgerUnavailable:
    """Return the error to raise; raise it `from` the failure, so that a log can name the cause."""
    return LedgerUnavailable(
        "The gateway cannot reach its ledger at the moment. Repeat the request in a second.", retry_after=1
    )
