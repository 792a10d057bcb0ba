"""The owner's operations on API keys: create, list, show, set, rotate, revoke. The operator's command uses them.

Every write is conditional, so that two operators cannot overwrite each other's changes. The hashes of a key are never
returned, and a token is returned once. Failures of DynamoDB are raised as botocore's exceptions, whose messages the
operator may read.
"""

from typing import TYPE_CHECKING, NamedTuple, cast

from botocore.exceptions import ClientError

from qwen_gateway import ulid
from qwen_gateway.ledger import token
from qwen_gateway.ledger.dynamodb import Item, Plain, is_condition_failure, to_item
from qwen_gateway.ledger.expressions import Update, expressions
from qwen_gateway.ledger.key_changes import KeyChanges, KeySettings, set_key
from qwen_gateway.ledger.key_errors import KeyConflict, KeyInactive, KeyNotFound, LimitInvalid
from qwen_gateway.ledger.key_limits import KeyLimits
from qwen_gateway.ledger.key_snapshot import MOST_HOLDS, KeySnapshot
from qwen_gateway.ledger.key_writes import adopt
from qwen_gateway.ledger.keys_table import send_update
from qwen_gateway.ledger.periods import end_of_period

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_NO_LIMITS = KeyLimits()
_MAX_SENDS = 10
"""Sends of a change whose condition contains what calls change meanwhile."""
_PERIOD_WITHOUT_BUDGET = "A period is that of a budget, and this key has none. Set a budget, too."


class IssuedKey(NamedTuple):
    """A key with its new token, which is stored nowhere."""

    key: KeySnapshot
    token: str

    def __repr__(self) -> str:
        """Omit the token."""
        return f"IssuedKey(key={self.key!r})"


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
                **expressions({}, ConditionExpression="attribute_not_exists(#id)"),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as failure:
            # botocore repeats a write whose answer was lost.
            stored = cast("Item", failure.response.get("Item", {}))
            if not is_condition_failure(failure):
                raise
            if stored.get("token_hash") != item["token_hash"]:
                raise _conflict() from None
        return IssuedKey(KeySnapshot.of(item), text)

    def list(self) -> "list[KeySnapshot]":
        """Return all keys, the oldest first."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table_name, ConsistentRead=True)
        keys = [KeySnapshot.of(item) for page in pages for item in page["Items"]]
        return sorted(keys, key=lambda key: (key.created, key.id))

    def show(self, key_id: str) -> KeySnapshot:
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
        return KeySnapshot.of(output["Item"])

    def set(self, key_id: str, changes: KeyChanges, now: float) -> KeySnapshot:
        """Change the settings of a key. Its calls go on meanwhile.

        Raises:
            KeyNotFound: no key has this id.
            KeyInactive: the key is revoked.
            LimitInvalid: the limits cannot stand together.
            KeyConflict: another operation changed the key at the same time.
        """
        change = ulid.new(int(now * 1000))
        before = self.show(key_id)
        version = before.version
        for _ in range(_MAX_SENDS):
            if before.version != version:
                break
            if not before.is_adopted:
                _, before = self._write(key_id, adopt())
                continue
            after = _change_settings(before, changes)
            applied, before = self._write(key_id, set_key(before, after, change, int(now)))
            if applied or before.change == change:
                return before
        raise _conflict()

    def rotate(self, key_id: str, grace_seconds: int, now: float) -> IssuedKey:
        """Replace the token of a key. The current one stays valid for `grace_seconds`, earlier ones do not.

        Raises:
            KeyNotFound: no key has this id.
            KeyInactive: the key is revoked or expired.
            KeyConflict: another operation changed the key at the same time.
        """
        before = self.show(key_id)
        if (status := before.status(now)) != "active":
            raise KeyInactive(f"The key {key_id} is {status} and cannot be rotated. Create a new key.")
        text = token.create(key_id)
        update = Update(
            "SET #previous_hash = #token_hash, #previous_expires = :until, #token_hash = :hash, #version = :next",
            "#version = :read",
            {
                "until": int(now) + grace_seconds,
                "hash": token.digest(text),
                "read": before.version,
                "next": before.version + 1,
            },
        )
        applied, key = self._write(key_id, update)
        if not applied and key.key.token_hash != token.digest(text):
            raise _conflict()
        return IssuedKey(key, text)

    def revoke(self, key_id: str) -> KeySnapshot:
        """Disable a key at once and permanently. Revoking a revoked key changes nothing but its version.

        The write depends only on the existence of the key, so concurrent changes cannot prevent it.

        Raises:
            KeyNotFound: no key has this id.
        """
        if not key_id:
            raise KeyNotFound(key_id)
        update = Update(
            "SET #disabled = :true, #version = #version + :one", "attribute_exists(#id)", {"true": True, "one": 1}
        )
        _, key = self._write(key_id, update)
        return key

    def delete(self, key_id: str) -> None:
        """Remove a key from the table; a missing one is no error. Its usage records stay."""
        self._client.delete_item(TableName=self._table_name, Key={"id": {"S": key_id}})

    def _write(self, key_id: str, update: Update) -> tuple[bool, KeySnapshot]:
        """Send a write; return whether it was applied, and the key after it or, refused, as it was judged."""
        written = send_update(self._client, self._table_name, key_id, update)
        if written.item is None:
            raise KeyNotFound(key_id)
        return written.applied, written.item


def _new_fields(  # noqa: PLR0913, PLR0917 - the settings of a key
    key_id: str, name: str, token_hash: str, created: int, expires: int | None, limits: KeyLimits
) -> dict[str, Plain | None]:
    """Return the fields of a new key, with the state that calls only update."""
    return {
        "id": key_id,
        "version": 1,
        "name": name,
        "token_hash": token_hash,
        "created": created,
        "expires": expires,
        "disabled": False,
        **limits.fields(),
        "remaining": limits.budget or 0,
        "spent": 0,
        "total": 0,
        "alerted": 0,
        "period_end": end_of_period(limits.period, created) if limits.period else None,
        "window": {},
        "holds": {},
    }


def _change_settings(key: KeySnapshot, changes: KeyChanges) -> KeySettings:
    if key.key.disabled:
        raise KeyInactive(f"The key {key.id} is revoked and cannot be changed. Create a new key.")
    after = KeySettings.of(key).change(changes)
    if after.limits.budget is None and changes.get("period"):
        raise LimitInvalid(_PERIOD_WITHOUT_BUDGET)
    if after.limits.budget is not None and changes.get("concurrency", MOST_HOLDS) is None:
        raise LimitInvalid(f"A key with a budget has a concurrency limit. Set one from 1 to {MOST_HOLDS}.")
    return after


def _check_limits(limits: KeyLimits) -> None:
    if limits.budget is None and limits.period is not None:
        raise LimitInvalid(_PERIOD_WITHOUT_BUDGET)


def _conflict() -> KeyConflict:
    return KeyConflict("Another command changed the key at the same time. Check the key, then try again.")
