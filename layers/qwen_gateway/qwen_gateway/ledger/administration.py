"""The owner's operations on API keys: create, list, show, set, rotate, revoke. The operator's command uses them.

Every write is conditional, so that two operators cannot overwrite each other's changes. The hashes of a key are never
returned, and a token is returned once. Failures of DynamoDB are raised as botocore's exceptions, whose messages the
operator may read.
"""

from typing import TYPE_CHECKING, NamedTuple, cast

from botocore.exceptions import ClientError

from qwen_gateway import ulid
from qwen_gateway.ledger import token
from qwen_gateway.ledger.adoption import adopt
from qwen_gateway.ledger.dynamodb import Item, Plain, from_item, is_condition_failure, to_item
from qwen_gateway.ledger.key_changes import KeyChanges, apply_changes, set_key
from qwen_gateway.ledger.key_errors import KeyConflict, KeyInactive, KeyNotFound, LimitInvalid
from qwen_gateway.ledger.key_settings import (
    MAX_CONCURRENCY,
    Key,
    KeyLimits,
    KeySettings,
    new_account,
    read_key,
    read_settings,
)
from qwen_gateway.ledger.periods import end_of_period

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_NO_LIMITS = KeyLimits()
_MAX_SENDS = 10
"""Sends of a change whose condition contains what calls change meanwhile."""
_PERIOD_WITHOUT_BUDGET = "A period is that of a budget, and this key has none. Set a budget, too."


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

    def create(self, name: str, now: float, expires: int | None = None, limits: KeyLimits = _NO_LIMITS) -> IssuedKey:
        """Create a key that is valid at once and until `expires` (seconds since 1970; None: never expires).

        Raises:
            LimitInvalid: these limits cannot stand together.
        """
        _check_limits(limits)
        key_id = token.create_id()
        text = token.create(key_id)
        item = to_item(_new_fields(key_id, name, token.digest(text), int(now), expires, limits.complete()))
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=item,
                ConditionExpression="attribute_not_exists(#id)",
                ExpressionAttributeNames={"#id": "id"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as failure:
            _accept_repeated_write(failure, "token_hash", token.digest(text))
        return IssuedKey(read_settings(item), text)

    def list(self) -> "list[KeySettings]":
        """Return all keys, the oldest first."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table_name, ConsistentRead=True)
        keys = [read_settings(item) for page in pages for item in page["Items"]]
        return sorted(keys, key=lambda key: (key.created, key.id))

    def show(self, key_id: str) -> Key:
        """Return one key with its counters.

        Raises:
            KeyNotFound: no key has this id.
        """
        return read_key(self._read(key_id))

    def set(self, key_id: str, changes: KeyChanges, now: float) -> KeySettings:
        """Change the settings of a key. Its calls go on meanwhile.

        Raises:
            KeyNotFound: no key has this id.
            KeyInactive: the key is revoked.
            LimitInvalid: the limits cannot stand together.
            KeyConflict: another operation changed the key at the same time.
        """
        change = ulid.new(int(now * 1000))
        item = self._read(key_id)
        version = read_settings(item).version
        for _ in range(_MAX_SENDS):
            before = read_key(item)
            if before.settings.version != version:
                break
            if "remaining" not in item:
                item = adopt(self._client, self._table_name, key_id)
                continue
            after = _change_settings(before.settings, changes)
            try:
                output = self._client.update_item(
                    TableName=self._table_name,
                    Key={"id": {"S": key_id}},
                    **set_key(before, after, change, int(now)),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as failure:
                if not is_condition_failure(failure):
                    raise
                item = cast("Item", failure.response.get("Item", {}))
                if from_item(item).get("change") == change:
                    return read_settings(item)
                if not item:
                    raise KeyNotFound(key_id) from None
            else:
                return read_settings(output["Attributes"])
        raise _conflict()

    def rotate(self, key_id: str, grace_seconds: int, now: float) -> IssuedKey:
        """Replace the token of a key. The current one stays valid for `grace_seconds`, earlier ones do not.

        Raises:
            KeyNotFound: no key has this id.
            KeyInactive: the key is revoked or expired.
            KeyConflict: another operation changed the key at the same time.
        """
        before = self.show(key_id).settings
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
            item = _accept_repeated_write(failure, "token_hash", token.digest(text))
            return IssuedKey(read_settings(item), text)
        return IssuedKey(read_settings(output["Attributes"]), text)

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
        return read_settings(output["Attributes"])

    def delete(self, key_id: str) -> None:
        """Remove a key from the table; a missing one is no error. Its usage records stay."""
        self._client.delete_item(TableName=self._table_name, Key={"id": {"S": key_id}})

    def _read(self, key_id: str) -> Item:
        # DynamoDB rejects an empty key with a ValidationException.
        if not key_id:
            raise KeyNotFound(key_id)
        output = self._client.get_item(TableName=self._table_name, Key={"id": {"S": key_id}}, ConsistentRead=True)
        if "Item" not in output:
            raise KeyNotFound(key_id)
        return output["Item"]


def _new_fields(  # noqa: PLR0913, PLR0917 - the settings of a key
    key_id: str, name: str, token_hash: str, created: int, expires: int | None, limits: KeyLimits
) -> dict[str, Plain | None]:
    """Return the fields of a new key, including the ledger's counters and maps, which requests only update."""
    period_end = end_of_period(limits.period, created) if limits.period else None
    return {
        "id": key_id,
        "version": 1,
        "name": name,
        "token_hash": token_hash,
        "created": created,
        "expires": expires,
        "disabled": False,
        **limits.fields(),
        **new_account(limits, period_end),
    }


def _change_settings(settings: KeySettings, changes: KeyChanges) -> KeySettings:
    if settings.disabled:
        raise KeyInactive(f"The key {settings.id} is revoked and cannot be changed. Create a new key.")
    after = apply_changes(settings, changes)
    if after.limits.budget is None and changes.get("period"):
        raise LimitInvalid(_PERIOD_WITHOUT_BUDGET)
    if after.limits.budget is not None and changes.get("concurrency", MAX_CONCURRENCY) is None:
        raise LimitInvalid(f"A key with a budget has a concurrency limit. Set one from 1 to {MAX_CONCURRENCY}.")
    return after


def _check_limits(limits: KeyLimits) -> None:
    if limits.budget is None and limits.period is not None:
        raise LimitInvalid(_PERIOD_WITHOUT_BUDGET)


def _accept_repeated_write(failure: ClientError, attribute: str, own: str) -> Item:
    """Return the item when it already holds our own write: botocore repeats a write whose response was lost.

    Raises:
        KeyConflict: another operation changed the key.
    """
    if not is_condition_failure(failure):
        raise failure
    item = cast("Item", failure.response.get("Item", {}))
    if from_item(item).get(attribute) != own:
        raise _conflict()
    return item


def _conflict() -> KeyConflict:
    return KeyConflict("Another command changed the key at the same time. Check the key, then try again.")
