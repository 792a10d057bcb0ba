"""What an owner does with API keys: make, list, show, rotate, revoke. Used by the operator's command.

Every write is conditional, and no write is lost between two operators. A key's hashes never leave this module, and a
token leaves it once. Failures of DynamoDB come as botocore raises them: the operator may see their words.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from botocore.exceptions import ClientError

from qwen_gateway.ledger import token
from qwen_gateway.ledger.attributes import Item, Plain, from_item, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

type KeyState = Literal["active", "revoked", "expired"]


class KeyNotChanged(Exception):
    """The key stays as it is; the message says why."""


class KeyNotThere(KeyNotChanged):
    """No key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no API key with the id {key_id[:64]!r}.")


class KeyClosed(KeyNotChanged):
    """A revoked or expired key cannot be rotated."""


class KeyChangedMeanwhile(KeyNotChanged):
    """Somebody else changed the key between reading and writing."""


class KeySettings(NamedTuple):
    """A key as its owner sees it. Times are seconds since 1970; `expires` None: never.

    `previous_expires` is when the token before the last rotation stops to work, None when there was no rotation.
    """

    id: str
    name: str
    version: int
    created: int
    expires: int | None
    previous_expires: int | None
    disabled: bool

    def state(self, now: float) -> KeyState:
        """Return whether the key opens the gateway, and why not."""
        if self.disabled:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


class IssuedKey(NamedTuple):
    """A key with its fresh token, which is shown once and kept nowhere."""

    settings: KeySettings
    token: str

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"IssuedKey(settings={self.settings!r})"


class KeyAdministration:
    """The keys table, for its owner. `now` is always in seconds since 1970."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def create(self, name: str, now: float, expires: int | None = None) -> IssuedKey:
        """Make a key that works from now on, until `expires` (seconds since 1970; None: for ever)."""
        key_id = token.new_id()
        text = token.create(key_id)
        item = to_item(_fresh(key_id, name, token.digest(text), int(now), expires))
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=item,
                ConditionExpression="attribute_not_exists(#id)",
                ExpressionAttributeNames={"#id": "id"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as failure:
            _settle_repeated_write(failure, token.digest(text))
        return IssuedKey(_settings(item), text)

    def list(self) -> "list[KeySettings]":
        """Return all keys, the oldest first."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table_name, ConsistentRead=True)
        keys = [_settings(item) for page in pages for item in page["Items"]]
        return sorted(keys, key=lambda key: (key.created, key.id))

    def show(self, key_id: str) -> KeySettings:
        """Return one key.

        Raises:
            KeyNotThere: no key has this id.
        """
        # DynamoDB refuses an empty key with words of its own.
        if not key_id:
            raise KeyNotThere(key_id)
        answer = self._client.get_item(TableName=self._table_name, Key={"id": {"S": key_id}}, ConsistentRead=True)
        if "Item" not in answer:
            raise KeyNotThere(key_id)
        return _settings(answer["Item"])

    def rotate(self, key_id: str, grace_seconds: int, now: float) -> IssuedKey:
        """Give the key a new token; the one before works `grace_seconds` longer, earlier ones no more.

        Raises:
            KeyNotThere: no key has this id.
            KeyClosed: the key is revoked or expired.
            KeyChangedMeanwhile: another change came between.
        """
        before = self.show(key_id)
        if (state := before.state(now)) != "active":
            raise KeyClosed(f"The key {before.id} is {state}: a new token would not open anything. Make a new key.")
        text = token.create(key_id)
        try:
            answer = self._client.update_item(
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
            return IssuedKey(_settings(_settle_repeated_write(failure, token.digest(text))), text)
        return IssuedKey(_settings(answer["Attributes"]), text)

    def revoke(self, key_id: str) -> KeySettings:
        """Switch the key off, at once and for good. A revoked key stays as it is.

        Whatever else changes the key at the same time, this wins: it asks only that the key is there.

        Raises:
            KeyNotThere: no key has this id.
        """
        if not key_id:
            raise KeyNotThere(key_id)
        try:
            answer = self._client.update_item(
                TableName=self._table_name,
                Key={"id": {"S": key_id}},
                UpdateExpression="SET #disabled = :yes, #version = #version + :one",
                ConditionExpression="attribute_exists(#id)",
                ExpressionAttributeNames={"#disabled": "disabled", "#version": "version", "#id": "id"},
                ExpressionAttributeValues=to_item({":yes": True, ":one": 1}),
                ReturnValues="ALL_NEW",
            )
        except ClientError as failure:
            if not _is_condition_failure(failure):
                raise
            raise KeyNotThere(key_id) from None
        return _settings(answer["Attributes"])


def _fresh(key_id: str, name: str, token_hash: str, created: int, expires: int | None) -> dict[str, Plain | None]:
    """Return a new key's fields, with the ledger's counters and maps that the way of a request only updates."""
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


def _settle_repeated_write(failure: ClientError, token_hash: str) -> Item:
    """Return the item when it is our own write that stands there: botocore repeats one whose answer was lost."""
    if not _is_condition_failure(failure):
        raise failure
    item = cast("Item", failure.response.get("Item", {}))
    if from_item(item).get("token_hash") != token_hash:
        raise KeyChangedMeanwhile("The key was changed by somebody else at the same time. Look at it, then try again.")
    return item


def _is_condition_failure(failure: ClientError) -> bool:
    return failure.response["Error"]["Code"] == "ConditionalCheckFailedException"
