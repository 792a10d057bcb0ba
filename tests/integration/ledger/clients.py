"""DynamoDB clients that fail as AWS fails, and see it at once."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ONE_ATTEMPT = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=2, read_timeout=2)
NOBODY = "http://127.0.0.1:9"


def impatient(endpoint_url: str | None = None) -> "DynamoDBClient":
    """Return a client that tries once."""
    return boto3.client("dynamodb", endpoint_url=endpoint_url, config=ONE_ATTEMPT)
