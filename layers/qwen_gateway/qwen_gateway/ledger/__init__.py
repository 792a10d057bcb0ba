"""The ledger: API keys and usage records in DynamoDB. What its owner does with keys is in `administration`."""

from qwen_gateway.ledger.keys import ApiKey, Keys
from qwen_gateway.ledger.usage import AttemptRecord, UsageLedger, UsageRecord, restorable, tags

__all__ = ["ApiKey", "AttemptRecord", "Keys", "UsageLedger", "UsageRecord", "restorable", "tags"]
