"""The ledger: API keys and usage records in DynamoDB. The owner's operations on keys are in `administration`."""

from qwen_gateway.ledger.api_keys import ApiKey, ApiKeys
from qwen_gateway.ledger.usage_ledger import AttemptRecord, UsageLedger, UsageRecord, parse_tags, record_fields

__all__ = ["ApiKey", "ApiKeys", "AttemptRecord", "UsageLedger", "UsageRecord", "parse_tags", "record_fields"]
