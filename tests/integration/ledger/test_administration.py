"""What an owner does with keys, also when two do it at once or an answer of AWS is lost."""

from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from qwen_gateway.ledger import Keys, token
from qwen_gateway.ledger.administration import KeyAdministration, KeyChangedMeanwhile, KeyClosed, KeyNotThere
from qwen_gateway.ledger.attributes import from_item
from tests.integration.emulated_aws import Aws

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_790_000_000
HOUR = 3_600


class Interfered:
    """The client of one operator; `before` happens between his reading and his writing."""

    def __init__(self, client: Any, before: "Callable[[], object]") -> None:
        self._client = client
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_item(self, **request: Any) -> Any:
        self._before()
        return self._client.update_item(**request)


class Forgetful:
    """A client whose first write is done, its answer lost, and the write sent again, as botocore's retries do it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if name not in {"put_item", "update_item"}:
            return operation

        def sent_twice(**request: Any) -> Any:
            operation(**request)
            return operation(**request)

        return sent_twice


@pytest.fixture
def administration(aws: Aws) -> KeyAdministration:
    return KeyAdministration(aws.dynamodb, aws.keys_table)


def item(aws: Aws, key_id: str) -> dict[str, Any]:
    return from_item(aws.dynamodb.get_item(TableName=aws.keys_table, Key={"id": {"S": key_id}})["Item"])


def test_the_table_keeps_a_digest_and_never_the_token(aws: Aws, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW)
    kept = item(aws, issued.settings.id)
    assert kept["token_hash"] == token.digest(issued.token)
    assert issued.token not in repr(kept)
    assert issued.token not in repr(issued)


def test_a_new_key_has_what_the_ledger_needs_so_that_nothing_has_to_be_migrated(
    aws: Aws, administration: KeyAdministration
) -> None:
    kept = item(aws, administration.create("tests", NOW).settings.id)
    assert (kept["version"], kept["spent"], kept["total"]) == (1, 0, 0)
    assert kept["holds"] == kept["window"] == {}


def test_all_keys_are_listed_the_oldest_first(administration: KeyAdministration) -> None:
    made = [administration.create(f"key {number}", NOW - number).settings for number in range(5)]
    assert administration.list() == list(reversed(made))


def test_no_key_is_lost_between_the_pages_of_a_large_table(aws: Aws, administration: KeyAdministration) -> None:
    # A scan's page ends at 1 MB; names of 300 kB make four pages of ten keys.
    for number in range(10):
        administration.create("n" * 300_000 + str(number), NOW + number)
    assert [key.name[-1] for key in administration.list()] == list("0123456789")


def test_a_key_is_shown_as_it_was_made(administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW, expires=NOW + HOUR)
    shown = administration.show(issued.settings.id)
    assert shown == issued.settings
    assert (shown.created, shown.expires, shown.previous_expires) == (NOW, NOW + HOUR, None)
    assert [shown.state(NOW), shown.state(NOW + HOUR)] == ["active", "expired"]


def test_a_rotation_keeps_everything_but_the_token(aws: Aws, administration: KeyAdministration) -> None:
    before = administration.create("tests", NOW)
    after = administration.rotate(before.settings.id, HOUR, NOW)
    assert after.token != before.token
    assert after.settings == before.settings._replace(version=2, previous_expires=NOW + HOUR)
    assert item(aws, before.settings.id)["previous_hash"] == token.digest(before.token)


def test_revoking_twice_is_revoking(administration: KeyAdministration) -> None:
    key_id = administration.create("tests", NOW).settings.id
    assert administration.revoke(key_id).state(NOW) == "revoked"
    assert administration.revoke(key_id).state(NOW) == "revoked"


@pytest.mark.parametrize("key_id", ["Nobody000000", "", "a key that\nnever was"])
def test_an_unknown_id_is_refused_and_makes_no_key(administration: KeyAdministration, key_id: str) -> None:
    with pytest.raises(KeyNotThere):
        administration.show(key_id)
    with pytest.raises(KeyNotThere):
        administration.rotate(key_id, HOUR, NOW)
    with pytest.raises(KeyNotThere):
        administration.revoke(key_id)
    assert administration.list() == []


def test_a_key_that_opens_nothing_gets_no_new_token(administration: KeyAdministration) -> None:
    revoked = administration.create("tests", NOW).settings.id
    administration.revoke(revoked)
    expired = administration.create("tests", NOW, expires=NOW + HOUR).settings.id
    with pytest.raises(KeyClosed, match="revoked"):
        administration.rotate(revoked, HOUR, NOW)
    with pytest.raises(KeyClosed, match="expired"):
        administration.rotate(expired, HOUR, NOW + HOUR)


def test_of_two_rotations_at_once_one_is_refused_and_its_token_never_worked(
    aws: Aws, administration: KeyAdministration
) -> None:
    issued = administration.create("tests", NOW)
    winners = []
    interfered = Interfered(
        aws.dynamodb, lambda: winners.append(administration.rotate(issued.settings.id, HOUR, NOW).token)
    )
    with pytest.raises(KeyChangedMeanwhile):
        KeyAdministration(cast("Any", interfered), aws.keys_table).rotate(issued.settings.id, HOUR, NOW)
    keys = Keys(aws.dynamodb, aws.keys_table)
    keys.authenticate(winners[0], NOW)
    keys.authenticate(issued.token, NOW)


def test_a_revocation_wins_over_a_rotation_that_is_under_way(aws: Aws, administration: KeyAdministration) -> None:
    key_id = administration.create("tests", NOW).settings.id
    interfered = Interfered(aws.dynamodb, lambda: administration.revoke(key_id))
    with pytest.raises(KeyChangedMeanwhile):
        KeyAdministration(cast("Any", interfered), aws.keys_table).rotate(key_id, HOUR, NOW)
    assert administration.show(key_id).disabled


def test_a_rotation_under_way_does_not_stop_a_revocation(aws: Aws, administration: KeyAdministration) -> None:
    key_id = administration.create("tests", NOW).settings.id
    interfered = Interfered(aws.dynamodb, lambda: administration.rotate(key_id, HOUR, NOW))
    assert KeyAdministration(cast("Any", interfered), aws.keys_table).revoke(key_id).disabled


def test_a_write_whose_answer_was_lost_counts_once(aws: Aws) -> None:
    administration = KeyAdministration(cast("Any", Forgetful(aws.dynamodb)), aws.keys_table)
    first = administration.create("tests", NOW)
    second = administration.rotate(first.settings.id, HOUR, NOW)
    assert second.settings.version == 2
    keys = Keys(aws.dynamodb, aws.keys_table)
    keys.authenticate(first.token, NOW)
    keys.authenticate(second.token, NOW)


def test_what_dynamodb_refuses_reaches_the_operator_as_it_was_said(aws: Aws) -> None:
    administration = KeyAdministration(aws.dynamodb, "NoSuchTable")
    for call in (administration.list, lambda: administration.create("tests", NOW), lambda: administration.revoke("x")):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call()
