"""Authentication of requests: one consistent read of the keys table.

An item of the keys table holds `id`, `version`, `name`, `token_hash`, `disabled`, `created`, `expires` (absent: never),
and after a rotation `previous_hash` with `previous_expires`; times are whole seconds since 1970. The other attributes
are the ledger's counters, which `administration` initializes.
"""

import hmac
from typing import TYPE_CHECKING, NamedTuple

from qwen_gateway.errors import KeyExpired, KeyRevoked, KeyUnknown
from qwen_gateway.ledger import token
from qwen_gateway.ledger.dynamodb import FAILURES, Item, from_item, ledger_unavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class ApiKey(NamedTuple):
    """The attributes of a key that authentication needs. Times are seconds since 1970; None: never."""

    id: str
    name: str
    token_hash: str
    previous_hash: str | None
    previous_expires: int | None
    expires: int | None
    disabled: bool

    @classmethod
    def of(cls, item: Item) -> "ApiKey":
        """Build a key from an item of the table."""
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


class ApiKeys:
    """The keys table, read-only."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def authenticate(self, token_text: str, now: float) -> ApiKey:
        """Return the key of a token. See `read_authenticated`."""
        return ApiKey.of(self.read_authenticated(token_text, now))

    def read_authenticated(self, token_text: str, now: float) -> Item:
        """Return the item of the key of a token.

        Args:
            token_text: the API key as the client sent it.
            now: seconds since 1970.

        Raises:
            KeyUnknown: the format is invalid (no call is made), the id is unknown, or the secret is wrong.
            KeyRevoked: the owner revoked the key.
            KeyExpired: the key has expired, or the token was rotated and its grace period is over.
            LedgerUnavailable: DynamoDB failed.
        """
        parsed = token.parse(token_text)
        item = read_key_item(self._client, self._table_name, parsed.id)
        if item is None:
            raise key_unknown()
        check_key(ApiKey.of(item), token.digest(parsed.text), now)
        return item


def read_key_item(client: "DynamoDBClient", table_name: str, key_id: str) -> Item | None:
    """Read the item of a key consistently, so that a revocation takes effect for the next request.

    Raises:
        LedgerUnavailable: DynamoDB failed.
    """
    try:
        output = client.get_item(TableName=table_name, Key={"id": {"S": key_id}}, ConsistentRead=True)
    except FAILURES as failure:
        raise ledger_unavailable() from failure
    return output.get("Item")


def check_key(key: ApiKey, token_hash: str, now: float) -> None:
    """Check that a key may be used with a token, by the token's digest.

    Raises:
        KeyUnknown: the secret is wrong.
        KeyRevoked: the owner revoked the key.
        KeyExpired: the key has expired, or the token was rotated and its grace period is over.
    """
    _check_secret(key, token_hash, now)
    if key.disabled:
        raise KeyRevoked("This API key was revoked. Ask the owner of the gateway for a new one.")
    if key.expires is not None and key.expires <= now:
        raise KeyExpired("This API key has expired. Ask the owner of the gateway for a new one.")


def _check_secret(key: ApiKey, token_hash: str, now: float) -> None:
    if hmac.compare_digest(token_hash, key.token_hash):
        return
    if key.previous_hash is None or not hmac.compare_digest(token_hash, key.previous_hash):
        raise key_unknown()
    if key.previous_expires is None or key.previous_expires <= now:
        raise KeyExpired("This API key was replaced by a new one, and its time of grace is over. Use the new one.")


def key_unknown() -> KeyUnknown:
    """Return one error for an unknown id and a wrong secret, so that responses do not reveal which ids exist."""
    return KeyUnknown("This API key is not known to the gateway. Ask its owner for one.")
