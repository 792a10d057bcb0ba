"""The owner's operations on API keys: create, list, show, rotate, revoke, delete. The operator's command uses them.

Every write is conditional, so that two operators cannot overwrite each other's changes. The hashes of a key are never
returned, and a token is returned once. Failures of DynamoDB are raised as botocore's exceptions, whose messages the
operator may read.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from botocore.exceptions import ClientError

from qwen_gateway.ledger import token
from qwen_gateway.ledger.dynamodb import Item, Plain, from_item, is_condition_failure, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

type KeyState = Literal["active", "revoked", "expired"]


class KeyAdministrationError(Exception):
    """An operation failed and changed nothing; the message is for the operator."""


class KeyNotFound(KeyAdministrationError):
    """No key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no API key with the id {key_id[:64]!r}.")


class KeyInactive(KeyAdministrationError):
    """The key is revoked or expired and cannot be rotated."""


class KeyConflict(KeyAdministrationError):
    """Another operation changed the key between the read and the write."""


class KeySettings(NamedTuple):
    """The settings of a key, without its hashes. Times are seconds since 1970; `expires` None: never.

    `previous_expires` is when the token before the last rotation expires, None without a rotation.
    """

    id: str
    name: str
    version: int
    created: int
    expires: int | None
    previous_expires: int | None
    disabled: bool

    def state(self, now: float) -> KeyState:
        """Return the state at `now`, in seconds since 1970."""
        if self.disabled:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


class IssuedKey(NamedTuple):
    """A key with its new token, which is stored nowhere."""

    settings: KeySettings
    token: str

    def __repr__(self) -> str:
        """Omit the token."""
        return f"IssuedKey(settings={self.settings!r})"


class KeyAdministration:
    """The keys table with write access. `now` is always in seconds since 1970."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def create(self, name: str, now: float, expires: int | None = None) -> IssuedKey:
        """Create a key that is valid at once and until `expires` (seconds since 1970; None: never expires)."""
        key_id = token.create_id()
        text = token.create(key_id)
        item = to_item(_new_fields(key_id, name, token.digest(text), int(now), expires))
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=item,
                ConditionExpression="attribute_not_exists(#id)",
                ExpressionAttributeNames={"#id": "id"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as failure:
            _accept_repeated_write(failure, token.digest(text))
        return IssuedKey(_settings(item), text)

    def list(self) -> "list[KeySettings]":
        """Return all keys, the oldest first."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table_name, ConsistentRead=True)
        keys = [_settings(item) for page in pages for item in page["Items"]]
        return sorted(keys, key=lambda key: (key.created, key.id))

    def show(self, key_id: str) -> KeySettings:
        """Return one key.

        Raises:
            KeyNotFound: no key has this id.
        """
        # DynamoDB rejects an empty key with a ValidationException.
        if not key_id:
            raise KeyNotFound(key_id)
        output = self._client.get_item(TableName=self._table_name, Key={"id": {"S": key_id}}, ConsistentRead=True)
        if "Item" not in output:
            raise KeyNotFound(key_id)
        return _settings(output["Item"])

    def rotate(self, key_id: str, grace_seconds: int, now: float) -> IssuedKey:
        """Replace the token of a key. The current one stays valid for `grace_seconds`, earlier ones do not.

        Raises:
            KeyNotFound: no key has this id.
            KeyInactive: the key is revoked or expired.
            KeyConflict: another operation changed the key at the same time.
        """
        before = self.show(key_id)
        if (state := before.state(now)) != "active":
            raise KeyInactive(f"The key {before.id} is {state} and cannot be rotated. Create a new key.")
        text = token.create(key_id)
        try:
            output = self._client.update_item(
                TableName=self._table_name,
                Key={"id": {"S": key_id}},
                UpdateExpression=(
                    "SET #previous_hash = #token_hash, #previous_expires = :until, "
                    "#token_hash = :hash, #version = :next"
                ),
                ConditionExpression="#version = :read",
                ExpressionAttributeNames={
                    "#previous_hash": "previous_hash",
                    "#previous_expires": "previous_expires",
                    "#token_hash": "token_hash",
                    "#version": "version",
                },
                ExpressionAttributeValues=to_item(
                    {
                        ":until": int(now) + grace_seconds,
                        ":hash": token.digest(text),
                        ":read": before.version,
                        ":next": before.version + 1,
                    }
                ),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as failure:
            return IssuedKey(_settings(_accept_repeated_write(failure, token.digest(text))), text)
        return IssuedKey(_settings(output["Attributes"]), text)

    def revoke(self, key_id: str) -> KeySettings:
        """Disable a key at once and permanently. Revoking a revoked key changes nothing but its version.

        The write depends only on the existence of the key, so concurrent changes cannot prevent it.

        Raises:
            KeyNotFound: no key has this id.
        """
        if not key_id:
            raise KeyNotFound(key_id)
        try:
            output = self._client.update_item(
                TableName=self._table_name,
                Key={"id": {"S": key_id}},
                UpdateExpression="SET #disabled = :yes, #version = #version + :one",
                ConditionExpression="attribute_exists(#id)",
                ExpressionAttributeNames={"#disabled": "disabled", "#version": "version", "#id": "id"},
                ExpressionAttributeValues=to_item({":yes": True, ":one": 1}),
                ReturnValues="ALL_NEW",
            )
        except ClientError as failure:
            if not is_condition_failure(failure):
                raise
            raise KeyNotFound(key_id) from None
        return _settings(output["Attributes"])

    def delete(self, key_id: str) -> None:
        """Remove a key from the table; a missing one is no error. Its usage records stay."""
        self._client.delete_item(TableName=self._table_name, Key={"id": {"S": key_id}})


def _new_fields(key_id: str, name: str, token_hash: str, created: int, expires: int | None) -> dict[str, Plain | None]:
    """Return the fields of a new key, including the ledger's counters and maps, which requests only update."""
    return {
        "id": key_id,
        "version": 1,
        "name": name,
        "token_hash": token_hash,
        "created": created,
        "expires": expires,
        "disabled": False,
        "spent": 0,
        "total": 0,
        "window": {},
        "holds": {},
    }


def _settings(item: Item) -> KeySettings:
    fields = from_item(item)
    return KeySettings(
        id=fields["id"],
        name=fields["name"],
        version=fields["version"],
        created=fields["created"],
        expires=fields.get("expires"),
        previous_expires=fields.get("previous_expires"),
        disabled=fields["disabled"],
    )


def _accept_repeated_write(failure: ClientError, token_hash: str) -> Item:
    """Return the item when it already holds our own write: botocore repeats a write whose response was lost.

    Raises:
        KeyConflict: another operation changed the key.
    """
    if not is_condition_failure(failure):
        raise failure
    item = cast("Item", failure.response.get("Item", {}))
    if from_item(item).get("token_hash") != token_hash:
        raise KeyConflict("Another command changed the key at the same time. Check the key, then try again.")
    return item
