"""The API keys in the sample events: well-formed and made up. They open what a test has put them into, nothing else."""

from typing import TYPE_CHECKING

from tests.builders import key_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ACTIVE = "sk-qg-SampleOpen-MadeUpForSampleEvents00SIDoQ"
REVOKED = "sk-qg-SampleRevoked-MadeUpForSampleEvents03qfgUD"
EXPIRED = "sk-qg-SampleExpired-MadeUpForSampleEvents0372pkp"
UNISSUED = "sk-qg-SampleUnissued-MadeUpForSampleEvents01hDA3V"


def put_sample_keys(dynamodb: "DynamoDBClient", table: str) -> None:
    """Put the keys into the table of an emulated AWS, each in the state of its name."""
    for item in (key_item(ACTIVE), key_item(REVOKED, disabled=True), key_item(EXPIRED, expires=1)):
        dynamodb.put_item(TableName=table, Item=item)
