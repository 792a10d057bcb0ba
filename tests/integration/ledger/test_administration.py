"""The owner's operations on keys, with concurrent changes and lost responses."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from qwen_gateway.ledger import ApiKeys, token
from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway.ledger.dynamodb import from_item
from qwen_gateway.ledger.key_errors import KeyConflict, KeyInactive, KeyNotFound
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.interrupted_clients import InterruptedClient, RepeatingClient

NOW = 1_790_000_000
HOUR = 3_600


@pytest.fixture
def administration(aws: Aws) -> KeyAdministration:
    return KeyAdministration(aws.dynamodb, aws.keys_table)


def item(aws: Aws, key_id: str) -> dict[str, Any]:
    return from_item(aws.dynamodb.get_item(TableName=aws.keys_table, Key={"id": {"S": key_id}})["Item"])


def test_the_table_stores_a_digest_and_not_the_token(aws: Aws, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW)
    stored = item(aws, issued.key.id)
    assert stored["token_hash"] == token.digest(issued.token)
    assert issued.token not in repr(stored)
    assert issued.token not in repr(issued)


def test_a_new_key_has_the_counters_of_the_ledger(aws: Aws, administration: KeyAdministration) -> None:
    stored = item(aws, administration.create("tests", NOW).key.id)
    assert (stored["version"], stored["spent"], stored["total"]) == (1, 0, 0)
    assert stored["holds"] == stored["window"] == {}


def test_keys_are_listed_oldest_first(administration: KeyAdministration) -> None:
    created = [administration.create(f"key {number}", NOW - number).key for number in range(5)]
    assert administration.list() == list(reversed(created))


def test_a_list_contains_the_keys_of_all_pages(aws: Aws, administration: KeyAdministration) -> None:
    # A scan's page ends at 1 MB; names of 300 kB make four pages of ten keys.
    for number in range(10):
        administration.create("n" * 300_000 + str(number), NOW + number)
    assert [key.name[-1] for key in administration.list()] == list("0123456789")


def test_a_key_is_shown_as_created(administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW, expires=NOW + HOUR)
    shown = administration.show(issued.key.id)
    assert shown == issued.key
    assert (shown.created, shown.key.expires, shown.key.previous_expires) == (NOW, NOW + HOUR, None)
    assert [shown.status(NOW), shown.status(NOW + HOUR)] == ["active", "expired"]


def test_a_rotation_changes_only_the_token(aws: Aws, administration: KeyAdministration) -> None:
    before = administration.create("tests", NOW)
    after = administration.rotate(before.key.id, HOUR, NOW)
    assert after.token != before.token
    assert (after.key.version, after.key.key.previous_expires) == (2, NOW + HOUR)
    assert item(aws, before.key.id)["previous_hash"] == token.digest(before.token)


def test_revoking_twice_succeeds(administration: KeyAdministration) -> None:
    key_id = administration.create("tests", NOW).key.id
    assert administration.revoke(key_id).status(NOW) == "revoked"
    assert administration.revoke(key_id).status(NOW) == "revoked"


@pytest.mark.parametrize("key_id", ["Nobody000000", "", "a key that\nnever was"])
def test_an_unknown_id_is_rejected_and_creates_no_key(administration: KeyAdministration, key_id: str) -> None:
    with pytest.raises(KeyNotFound):
        administration.show(key_id)
    with pytest.raises(KeyNotFound):
        administration.rotate(key_id, HOUR, NOW)
    with pytest.raises(KeyNotFound):
        administration.revoke(key_id)
    assert administration.list() == []


def test_an_inactive_key_cannot_be_rotated(administration: KeyAdministration) -> None:
    revoked = administration.create("tests", NOW).key.id
    administration.revoke(revoked)
    expired = administration.create("tests", NOW, expires=NOW + HOUR).key.id
    with pytest.raises(KeyInactive, match="revoked"):
        administration.rotate(revoked, HOUR, NOW)
    with pytest.raises(KeyInactive, match="expired"):
        administration.rotate(expired, HOUR, NOW + HOUR)


def test_one_of_two_concurrent_rotations_fails(aws: Aws, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW)
    winners = []
    interrupted = InterruptedClient(
        aws.dynamodb, lambda: winners.append(administration.rotate(issued.key.id, HOUR, NOW).token)
    )
    with pytest.raises(KeyConflict):
        KeyAdministration(cast("Any", interrupted), aws.keys_table).rotate(issued.key.id, HOUR, NOW)
    keys = ApiKeys(aws.dynamodb, aws.keys_table)
    keys.authenticate(winners[0], NOW)
    keys.authenticate(issued.token, NOW)


def test_a_revocation_during_a_rotation_succeeds(aws: Aws, administration: KeyAdministration) -> None:
    key_id = administration.create("tests", NOW).key.id
    interrupted = InterruptedClient(aws.dynamodb, lambda: administration.revoke(key_id))
    with pytest.raises(KeyConflict):
        KeyAdministration(cast("Any", interrupted), aws.keys_table).rotate(key_id, HOUR, NOW)
    assert administration.show(key_id).key.disabled


def test_a_rotation_during_a_revocation_does_not_prevent_it(aws: Aws, administration: KeyAdministration) -> None:
    key_id = administration.create("tests", NOW).key.id
    interrupted = InterruptedClient(aws.dynamodb, lambda: administration.rotate(key_id, HOUR, NOW))
    assert KeyAdministration(cast("Any", interrupted), aws.keys_table).revoke(key_id).key.disabled


def test_a_repeated_write_takes_effect_once(aws: Aws) -> None:
    administration = KeyAdministration(cast("Any", RepeatingClient(aws.dynamodb)), aws.keys_table)
    first = administration.create("tests", NOW)
    second = administration.rotate(first.key.id, HOUR, NOW)
    assert second.key.version == 2
    keys = ApiKeys(aws.dynamodb, aws.keys_table)
    keys.authenticate(first.token, NOW)
    keys.authenticate(second.token, NOW)


def test_errors_of_dynamodb_are_raised_unchanged(aws: Aws) -> None:
    administration = KeyAdministration(aws.dynamodb, "NoSuchTable")
    for call in (administration.list, lambda: administration.create("tests", NOW), lambda: administration.revoke("x")):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call()
