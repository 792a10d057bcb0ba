"""The ledger: API keys, holds and usage records in DynamoDB (docs/ledger.md).

The owner's operations on keys are in `administration`. What only one function needs (`own_usage`, `stored_responses`,
`day_rows`) is imported from its module, so that the others do not load it.
"""

from qwen_gateway.ledger.admission import Admission, AdmissionRefused, Admissions
from qwen_gateway.ledger.alerts import Alert
from qwen_gateway.ledger.api_keys import ApiKey, ApiKeys
from qwen_gateway.ledger.key_snapshot import DEFAULT_MAX_OUTPUT, KeySnapshot
from qwen_gateway.ledger.keys_table import KeysTable
from qwen_gateway.ledger.known_keys import KnownKeys
from qwen_gateway.ledger.refusals import Offer, exceeded_limits
from qwen_gateway.ledger.reserve import Caller, Terms
from qwen_gateway.ledger.settlement import Settlements
from qwen_gateway.ledger.usage_ledger import (
    AttemptRecord,
    RecordState,
    UsageLedger,
    UsageRecord,
    WinningRecord,
    parse_tags,
    record_fields,
)

__all__ = [
    "DEFAULT_MAX_OUTPUT",
    "Admission",
    "AdmissionRefused",
    "Admissions",
    "Alert",
    "ApiKey",
    "ApiKeys",
    "AttemptRecord",
    "Caller",
    "KeySnapshot",
    "KeysTable",
    "KnownKeys",
    "Offer",
    "RecordState",
    "Settlements",
    "Terms",
    "UsageLedger",
    "UsageRecord",
    "WinningRecord",
    "exceeded_limits",
    "parse_tags",
    "record_fields",
]
