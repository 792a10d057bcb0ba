"""DynamoDB clients without retries."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ONE_ATTEMPT = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=2, read_timeout=2)
UNREACHABLE = "http://127.0.0.1:9"


def client_without_retries(endpoint_url: str | None = None) -> "DynamoDBClient":
    """Return a client that makes one attempt for each call."""
    return boto3.client("dynamodb", endpoint_url=endpoint_url, config=ONE_ATTEMPT)
