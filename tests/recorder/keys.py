"""API keys of the sample events: well-formed, fictitious, and valid only in tables that a test fills with them."""

import time
from typing import TYPE_CHECKING

from qwen_gateway import ulid
from tests.builders import key_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ACTIVE = "sk-qg-SampleOpen-MadeUpForSampleEvents00SIDoQ"
REVOKED = "sk-qg-SampleRevoked-MadeUpForSampleEvents03qfgUD"
EXPIRED = "sk-qg-SampleExpired-MadeUpForSampleEvents0372pkp"
WITH_BUDGET = "sk-qg-SampleBudget-MadeUpForSampleEvents02AJzpT"
SPENT = "sk-qg-SampleSpent-MadeUpForSampleEvents036taQj"
ONE_MODEL = "sk-qg-SampleModels-MadeUpForSampleEvents02gcEH9"
NO_REQUESTS_LEFT = "sk-qg-SampleRpmKey-MadeUpForSampleEvents02fPUMj"
NO_TOKENS_LEFT = "sk-qg-SampleTpmKey-MadeUpForSampleEvents000ur8K"
BUSY = "sk-qg-SampleBusy-MadeUpForSampleEvents01rKLvj"
UNISSUED = "sk-qg-SampleUnissued-MadeUpForSampleEvents01hDA3V"


def put_sample_keys(dynamodb: "DynamoDBClient", table: str) -> None:
    """Store the keys in a table of an emulated AWS, each in the state that its name tells."""
    items = (
        key_item(ACTIVE),
        key_item(REVOKED, disabled=True),
        key_item(EXPIRED, expires=1),
        key_item(WITH_BUDGET, budget=10**12),
        key_item(SPENT, budget=1, remaining=0, spent=1),
        key_item(ONE_MODEL, models=["qwen-flash"]),
        key_item(NO_REQUESTS_LEFT, rpm=1, window=_count_minutes("r")),
        key_item(NO_TOKENS_LEFT, tpm=1, window=_count_minutes("t")),
        key_item(BUSY, concurrency=1, holds={f"{ulid.new(int(time.time() * 1000))}.0": 0}),
    )
    for item in items:
        dynamodb.put_item(TableName=table, Item=item)


def _count_minutes(counter: str) -> dict[str, int]:
    """Return a counter of 1 for each minute of the next hours, so that a limit of 1 stays used up."""
    minute = int(time.time()) // 60
    return {f"{counter}{minute + later}": 1 for later in range(-10, 180)}
