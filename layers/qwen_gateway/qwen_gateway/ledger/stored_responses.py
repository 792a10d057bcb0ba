"""Which key made which response with which target: items of the usage table.

A provider keeps responses for all clients of the gateway in one account. An item's primary key is `pk = KEY#<key id>`,
`sk = RSP#<response id>`, so that a key finds only its own. A message or a reasoning of its output has one with
`sk = PRT#<id>`: the AI SDK names them in later requests in place of their content. DynamoDB deletes the items when the
provider no longer keeps the response (`expires_at`). They contain nothing of it.
"""

import itertools
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from qwen_gateway.errors import ResponseUnknown
from qwen_gateway.ledger.dynamodb import FAILURES, Item, Plain, from_item, ledger_unavailable, to_item
from qwen_gateway.routing import Target

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What can be an id: it becomes a part of the provider's URL."""
_RESPONSE, _PART = "RSP", "PRT"
_ITEMS_A_WRITE = 25
"""The limit of BatchWriteItem."""
_PAUSES_S = (0.0, 0.1, 0.4)
"""Before each send of the same items."""


class StoredResponse(NamedTuple):
    """A response that a provider keeps, and the time, in seconds since 1970, until which it does."""

    key_id: str
    id: str
    target: Target
    expires_at: int


class StoredResponses:
    """The items of stored responses, and of the parts of their output that a later request may refer to."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def put(self, stored: StoredResponse, parts: Iterable[str] = ()) -> None:
        """Put the items of a response and of parts of its output by their ids; those that cannot be one are left out.

        Raises:
            LedgerUnavailable: DynamoDB failed.
        """
        kept: dict[str, Plain] = {
            "pk": f"KEY#{stored.key_id}",
            "response": stored.id,
            "provider": stored.target.provider,
            "model": stored.target.model,
            "expires_at": stored.expires_at,
        }
        ids = [(_RESPONSE, stored.id), *((_PART, part) for part in parts)]
        sort_keys = dict.fromkeys(f"{kind}#{each}" for kind, each in ids if _ID.fullmatch(each))
        items = [to_item({**kept, "sk": key}) for key in sort_keys]
        for batch in itertools.batched(items, _ITEMS_A_WRITE, strict=False):
            self._put(batch)

    def _put(self, items: Iterable[Item]) -> None:
        """Put items in one request, and again those that DynamoDB did not take because it was busy."""
        left: Any = {self._table_name: [{"PutRequest": {"Item": item}} for item in items]}
        for pause in _PAUSES_S:
            time.sleep(pause)
            try:
                left = self._client.batch_write_item(RequestItems=left).get("UnprocessedItems")
            except FAILURES as failure:
                raise ledger_unavailable() from failure
            if not left:
                return
        raise ledger_unavailable()

    def find(self, key_id: str, response_id: str, now: float) -> StoredResponse:
        """Return the response of a key. DynamoDB deletes items up to days after their time, so that is checked.

        Raises:
            ResponseUnknown: the key has made none with this id, or it is too old.
            LedgerUnavailable: DynamoDB failed.
        """
        return self._find(key_id, _RESPONSE, response_id, now)

    def find_by_part(self, key_id: str, part_id: str, now: float) -> StoredResponse:
        """Return the response of a key whose output has a part; see `find`."""
        return self._find(key_id, _PART, part_id, now)

    def _find(self, key_id: str, kind: str, searched: str, now: float) -> StoredResponse:
        if not _ID.fullmatch(searched):
            raise response_unknown(searched)
        key = to_item({"pk": f"KEY#{key_id}", "sk": f"{kind}#{searched}"})
        try:
            output = self._client.get_item(TableName=self._table_name, Key=key, ConsistentRead=True)
        except FAILURES as failure:
            raise ledger_unavailable() from failure
        fields = from_item(output.get("Item", {}))
        if not fields or fields["expires_at"] <= now:
            raise response_unknown(searched)
        target = Target(fields["provider"], fields["model"])
        return StoredResponse(key_id, fields["response"], target, fields["expires_at"])


def response_unknown(response_id: str, reason: str = "") -> ResponseUnknown:
    """Return one error for the id of another key, an old one and one that never was."""
    return ResponseUnknown(f"Response with id {response_id[:128]!r} not found.{reason}")
