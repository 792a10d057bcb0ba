"""Which key made which response with which target: items of the usage table.

A provider keeps responses for all clients of the gateway in one account. An item's primary key is `pk = KEY#<key id>`,
`sk = RSP#<response id>`, so that a key finds only its own. DynamoDB deletes it when the provider no longer keeps the
response (`expires_at`). It contains nothing of the response.
"""

import re
from typing import TYPE_CHECKING, NamedTuple

from qwen_gateway.errors import ResponseUnknown
from qwen_gateway.ledger.dynamodb import FAILURES, Plain, from_item, ledger_unavailable, to_item
from qwen_gateway.routing import Target

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What can be an id: it becomes a part of the provider's URL."""


class StoredResponse(NamedTuple):
    """A response that a provider keeps, and the time, in seconds since 1970, until which it does."""

    key_id: str
    id: str
    target: Target
    expires_at: int


class StoredResponses:
    """The items of stored responses."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def put(self, stored: StoredResponse) -> None:
        """Put the item of a response, unless its id cannot be one; raises LedgerUnavailable."""
        if not _ID.fullmatch(stored.id):
            return
        fields: dict[str, Plain] = {
            "provider": stored.target.provider,
            "model": stored.target.model,
            "expires_at": stored.expires_at,
        }
        try:
            self._client.put_item(
                TableName=self._table_name, Item=to_item(_primary_key(stored.key_id, stored.id) | fields)
            )
        except FAILURES as failure:
            raise ledger_unavailable() from failure

    def find(self, key_id: str, response_id: str, now: float) -> StoredResponse:
        """Return the response of a key. DynamoDB deletes items up to days after their time, so that is checked.

        Raises:
            ResponseUnknown: the key has made none with this id, or it is too old.
            LedgerUnavailable: DynamoDB failed.
        """
        if not _ID.fullmatch(response_id):
            raise response_unknown(response_id)
        try:
            output = self._client.get_item(
                TableName=self._table_name, Key=to_item(_primary_key(key_id, response_id)), ConsistentRead=True
            )
        except FAILURES as failure:
            raise ledger_unavailable() from failure
        fields = from_item(output.get("Item", {}))
        if not fields or fields["expires_at"] <= now:
            raise response_unknown(response_id)
        return StoredResponse(key_id, response_id, Target(fields["provider"], fields["model"]), fields["expires_at"])


def response_unknown(response_id: str, reason: str = "") -> ResponseUnknown:
    """Return one error for the id of another key, an old one and one that never was."""
    return ResponseUnknown(f"Response with id {response_id[:128]!r} not found.{reason}")


def _primary_key(key_id: str, response_id: str) -> dict[str, Plain]:
    return {"pk": f"KEY#{key_id}", "sk": f"RSP#{response_id}"}
