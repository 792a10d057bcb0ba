"""API keys of the sample events: well-formed, fictitious, and valid only in tables that a test fills with them."""

from typing import TYPE_CHECKING

from tests.builders import key_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ACTIVE = "sk-qg-SampleOpen-MadeUpForSampleEvents00SIDoQ"
REVOKED = "sk-qg-SampleRevoked-MadeUpForSampleEvents03qfgUD"
EXPIRED = "sk-qg-SampleExpired-MadeUpForSampleEvents0372pkp"
UNISSUED = "sk-qg-SampleUnissued-MadeUpForSampleEvents01hDA3V"


def put_sample_keys(dynamodb: "DynamoDBClient", table: str) -> None:
    """Store the keys in a table of an emulated AWS, each in the state that its name tells."""
    for item in (key_item(ACTIVE), key_item(REVOKED, disabled=True), key_item(EXPIRED, expires=1)):
        dynamodb.put_item(TableName=table, Item=item)
