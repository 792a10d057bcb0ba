"""Who is let in: one consistent read, and a clear refusal for everybody else."""

import json

import pytest

from qwen_gateway.errors import GatewayError, KeyExpired, KeyRevoked, KeyUnknown, LedgerUnavailable
from qwen_gateway.ledger import Keys, token
from qwen_gateway.ledger.administration import KeyAdministration
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.clients import NOBODY, impatient
from tests.integration.mock_server import serve_aws_error, serve_response

NOW = 1_790_000_000.5
HOUR = 3_600


@pytest.fixture
def keys(aws: Aws) -> Keys:
    return Keys(aws.dynamodb, aws.keys_table)


@pytest.fixture
def administration(aws: Aws) -> KeyAdministration:
    return KeyAdministration(aws.dynamodb, aws.keys_table)


def refused(keys: Keys, text: str, cause: type[GatewayError], now: float = NOW) -> str:
    with pytest.raises(cause) as refusal:
        keys.authenticate(text, now)
    return refusal.value.message


def test_the_token_of_a_key_opens_the_gateway(keys: Keys, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW)
    key = keys.authenticate(issued.token, NOW)
    assert (key.id, key.name, key.disabled, key.expires) == (issued.settings.id, "tests", False, None)


def test_a_well_formed_token_costs_one_consistent_read(aws_environment: None) -> None:
    seen: list[dict[str, str]] = []
    with serve_response(200, "{}", seen) as url:
        refused(Keys(impatient(url), "KeysTable"), token.create(token.new_id()), KeyUnknown)
    [call] = seen
    assert call["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert json.loads(call["body"])["ConsistentRead"] is True


@pytest.mark.parametrize("text", ["", "garbage", "sk-proj-4f6f0b4e", "sk-qg-x-y"])
def test_garbage_costs_no_call(aws_environment: None, text: str) -> None:
    assert refused(Keys(impatient(NOBODY), "KeysTable"), text, KeyUnknown)


def test_a_mistyped_token_costs_no_call(aws_environment: None) -> None:
    text = token.create(token.new_id())
    assert refused(Keys(impatient(NOBODY), "KeysTable"), text[:-1] + ("0" if text[-1] != "0" else "1"), KeyUnknown)


def test_an_unknown_id_and_a_wrong_secret_are_refused_in_the_same_words(
    keys: Keys, administration: KeyAdministration
) -> None:
    known = administration.create("tests", NOW).settings.id
    wrong_secret = refused(keys, token.create(known), KeyUnknown)
    unknown_id = refused(keys, token.create(token.new_id()), KeyUnknown)
    assert wrong_secret == unknown_id


def test_a_revoked_key_opens_nothing_from_the_next_request_on(keys: Keys, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW)
    keys.authenticate(issued.token, NOW)
    administration.revoke(issued.settings.id)
    assert "revoked" in refused(keys, issued.token, KeyRevoked)


def test_nobody_without_the_secret_learns_that_a_key_was_revoked(keys: Keys, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW)
    administration.revoke(issued.settings.id)
    refused(keys, token.create(issued.settings.id), KeyUnknown)


def test_a_key_ends_at_its_time(keys: Keys, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW, expires=int(NOW) + HOUR)
    keys.authenticate(issued.token, int(NOW) + HOUR - 0.001)
    refused(keys, issued.token, KeyExpired, now=int(NOW) + HOUR)


def test_after_a_rotation_both_tokens_work_until_the_grace_is_over(
    keys: Keys, administration: KeyAdministration
) -> None:
    old = administration.create("tests", NOW)
    new = administration.rotate(old.settings.id, HOUR, NOW)
    within, after = int(NOW) + HOUR - 1, int(NOW) + HOUR
    assert keys.authenticate(old.token, within).id == keys.authenticate(new.token, within).id == old.settings.id
    assert "replaced" in refused(keys, old.token, KeyExpired, now=after)
    keys.authenticate(new.token, after)


def test_a_rotation_without_grace_ends_the_old_token_at_once(keys: Keys, administration: KeyAdministration) -> None:
    old = administration.create("tests", NOW)
    administration.rotate(old.settings.id, 0, NOW)
    refused(keys, old.token, KeyExpired)


def test_a_second_rotation_forgets_the_first_token(keys: Keys, administration: KeyAdministration) -> None:
    first = administration.create("tests", NOW)
    second = administration.rotate(first.settings.id, HOUR, NOW)
    third = administration.rotate(first.settings.id, HOUR, NOW)
    refused(keys, first.token, KeyUnknown)
    keys.authenticate(second.token, NOW)
    keys.authenticate(third.token, NOW)


def test_a_key_with_open_holds_of_later_versions_is_read_all_the_same(
    aws: Aws, keys: Keys, administration: KeyAdministration
) -> None:
    issued = administration.create("tests", NOW)
    aws.dynamodb.update_item(
        TableName=aws.keys_table,
        Key={"id": {"S": issued.settings.id}},
        UpdateExpression="SET #holds.#hold = :amount, #window.#minute = :one, #budget = :amount",
        ExpressionAttributeNames={
            "#holds": "holds",
            "#hold": "01ARZ3NDEKTSV4RRFFQ69G5FAV.1",
            "#window": "window",
            "#minute": "r29833333",
            "#budget": "budget",
        },
        ExpressionAttributeValues={":amount": {"N": "5000000000000"}, ":one": {"N": "1"}},
    )
    assert keys.authenticate(issued.token, NOW).name == "tests"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (400, "AccessDeniedException"),
        (400, "ResourceNotFoundException"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_whatever_dynamodb_refuses_is_one_clear_answer_without_internals(
    aws_environment: None, status: int, code: str
) -> None:
    with serve_aws_error(status, code) as url, pytest.raises(LedgerUnavailable) as failure:
        Keys(impatient(url), "KeysTable").authenticate(token.create(token.new_id()), NOW)
    assert failure.value.retry_after == 1
    assert "ledger" in failure.value.message
    assert code not in failure.value.message
    assert "words of AWS" not in failure.value.message


def test_dynamodb_down_is_the_same_answer(aws_environment: None) -> None:
    with pytest.raises(LedgerUnavailable):
        Keys(impatient(NOBODY), "KeysTable").authenticate(token.create(token.new_id()), NOW)


def test_a_missing_table_is_the_same_answer(aws: Aws) -> None:
    with pytest.raises(LedgerUnavailable):
        Keys(aws.dynamodb, "NoSuchTable").authenticate(token.create(token.new_id()), NOW)
