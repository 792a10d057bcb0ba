"""API keys as requests meet them: one consistent read tells who calls, or why he may not.

An item of the keys table holds `id`, `version`, `name`, `token_hash`, `disabled`, `created`, `expires` (absent: never),
and after a rotation `previous_hash` with `previous_expires`; times are whole seconds since 1970. The rest is the
ledger's state, which `administration` sets up.
"""

import hmac
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from qwen_gateway.errors import KeyExpired, KeyRevoked, KeyUnknown, LedgerUnavailable
from qwen_gateway.ledger import token
from qwen_gateway.ledger.attributes import Item, from_item
from qwen_gateway.ledger.unavailable import FAILURES, ledger_unavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class ApiKey(NamedTuple):
    """What a request needs to know of a key. Times are seconds since 1970; None: never."""

    id: str
    name: str
    token_hash: str
    previous_hash: str | None
    previous_expires: int | None
    expires: int | None
    disabled: bool

    @classmethod
    def of(cls, item: Item) -> "ApiKey":
        """Return the key that an item of the table describes."""
        fields = from_item(item)
        return cls(
            id=fields["id"],
            name=fields["name"],
            token_hash=fields["token_hash"],
            previous_hash=fields.get("previous_hash"),
            previous_expires=fields.get("previous_expires"),
            expires=fields.get("expires"),
            disabled=fields["disabled"],
        )


class Keys:
    """The keys table, for reading."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def connect(self) -> None:
        """Make the connection to DynamoDB, by a read that finds nothing; a failure shows when a key is read."""
        with suppress(LedgerUnavailable):
            self._read("-")

    def refuse_garbage(self, token_text: str) -> None:
        """Refuse what cannot be a token, without a call to AWS.

        Raises:
            KeyUnknown: the form or the checksum is wrong.
        """
        token.parse(token_text)

    def authenticate(self, token_text: str, now: float) -> ApiKey:
        """Return the key that a token opens.

        Args:
            token_text: what the client sent after `Bearer `.
            now: seconds since 1970.

        Raises:
            KeyUnknown: garbage (no call is made), an unknown id, or a wrong secret.
            KeyRevoked: the owner switched the key off.
            KeyExpired: the key's time is over, or this token was replaced and its grace is over.
            LedgerUnavailable: DynamoDB did not answer.
        """
        sent = token.parse(token_text)
        item = self._read(sent.id)
        if item is None:
            raise _unknown()
        key = ApiKey.of(item)
        _refuse_wrong_secret(key, token.digest(sent.text), now)
        if key.disabled:
            raise KeyRevoked("This API key was revoked. Ask the owner of the gateway for a new one.")
        if key.expires is not None and key.expires <= now:
            raise KeyExpired("This API key has expired. Ask the owner of the gateway for a new one.")
        return key

    def _read(self, key_id: str) -> Item | None:
        # Consistent: a key that was revoked a moment ago must not open the gateway once more.
        try:
            answer = self._client.get_item(TableName=self._table_name, Key={"id": {"S": key_id}}, ConsistentRead=True)
        except FAILURES as failure:
            raise ledger_unavailable() from failure
        return answer.get("Item")


def _refuse_wrong_secret(key: ApiKey, sent: str, now: float) -> None:
    if hmac.compare_digest(sent, key.token_hash):
        return
    if key.previous_hash is None or not hmac.compare_digest(sent, key.previous_hash):
        raise _unknown()
    if key.previous_expires is None or key.previous_expires <= now:
        raise KeyExpired("This API key was replaced by a new one, and its time of grace is over. Use the new one.")


def _unknown() -> KeyUnknown:
    # The same words for an unknown id and a wrong secret: nobody learns which ids exist.
    return KeyUnknown("This API key is not known to the gateway. Ask its owner for one.")
