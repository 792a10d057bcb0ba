"""Authentication: one consistent read, and one error for each cause."""

import json

import pytest

from qwen_gateway.errors import GatewayError, KeyExpired, KeyRevoked, KeyUnknown, LedgerUnavailable
from qwen_gateway.ledger import ApiKeys, token
from qwen_gateway.ledger.administration import KeyAdministration
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.clients import UNREACHABLE, client_without_retries
from tests.integration.mock_server import serve_aws_error, serve_response

NOW = 1_790_000_000.5
HOUR = 3_600


@pytest.fixture
def keys(aws: Aws) -> ApiKeys:
    return ApiKeys(aws.dynamodb, aws.keys_table)


@pytest.fixture
def administration(aws: Aws) -> KeyAdministration:
    return KeyAdministration(aws.dynamodb, aws.keys_table)


def rejection(keys: ApiKeys, text: str, cause: type[GatewayError], now: float = NOW) -> str:
    with pytest.raises(cause) as error:
        keys.authenticate(text, now)
    return error.value.message


def test_a_valid_token_returns_its_key(keys: ApiKeys, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW)
    key = keys.authenticate(issued.token, NOW)
    assert (key.id, key.name, key.disabled, key.expires) == (issued.key.id, "tests", False, None)


def test_a_well_formed_token_causes_one_consistent_read(aws_environment: None) -> None:
    seen: list[dict[str, str]] = []
    with serve_response(200, "{}", seen) as url:
        rejection(ApiKeys(client_without_retries(url), "KeysTable"), token.create(token.create_id()), KeyUnknown)
    [call] = seen
    assert call["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert json.loads(call["body"])["ConsistentRead"] is True


@pytest.mark.parametrize("text", ["", "garbage", "sk-proj-4f6f0b4e", "sk-qg-x-y"])
def test_an_invalid_format_causes_no_call(aws_environment: None, text: str) -> None:
    assert rejection(ApiKeys(client_without_retries(UNREACHABLE), "KeysTable"), text, KeyUnknown)


def test_a_mistyped_token_causes_no_call(aws_environment: None) -> None:
    text = token.create(token.create_id())
    assert rejection(
        ApiKeys(client_without_retries(UNREACHABLE), "KeysTable"),
        text[:-1] + ("0" if text[-1] != "0" else "1"),
        KeyUnknown,
    )


def test_an_unknown_id_and_a_wrong_secret_have_the_same_message(
    keys: ApiKeys, administration: KeyAdministration
) -> None:
    known = administration.create("tests", NOW).key.id
    wrong_secret = rejection(keys, token.create(known), KeyUnknown)
    unknown_id = rejection(keys, token.create(token.create_id()), KeyUnknown)
    assert wrong_secret == unknown_id


def test_a_revoked_key_is_rejected_from_the_next_request_on(keys: ApiKeys, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW)
    keys.authenticate(issued.token, NOW)
    administration.revoke(issued.key.id)
    assert "revoked" in rejection(keys, issued.token, KeyRevoked)


def test_a_wrong_secret_does_not_reveal_that_the_key_was_revoked(
    keys: ApiKeys, administration: KeyAdministration
) -> None:
    issued = administration.create("tests", NOW)
    administration.revoke(issued.key.id)
    rejection(keys, token.create(issued.key.id), KeyUnknown)


def test_a_key_expires_at_its_time(keys: ApiKeys, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW, expires=int(NOW) + HOUR)
    keys.authenticate(issued.token, int(NOW) + HOUR - 0.001)
    rejection(keys, issued.token, KeyExpired, now=int(NOW) + HOUR)


def test_after_a_rotation_both_tokens_are_valid_for_the_grace_period(
    keys: ApiKeys, administration: KeyAdministration
) -> None:
    old = administration.create("tests", NOW)
    new = administration.rotate(old.key.id, HOUR, NOW)
    within, after = int(NOW) + HOUR - 1, int(NOW) + HOUR
    assert keys.authenticate(old.token, within).id == keys.authenticate(new.token, within).id == old.key.id
    assert "replaced" in rejection(keys, old.token, KeyExpired, now=after)
    keys.authenticate(new.token, after)


def test_a_rotation_without_grace_expires_the_old_token_at_once(
    keys: ApiKeys, administration: KeyAdministration
) -> None:
    old = administration.create("tests", NOW)
    administration.rotate(old.key.id, 0, NOW)
    rejection(keys, old.token, KeyExpired)


def test_a_second_rotation_invalidates_the_first_token(keys: ApiKeys, administration: KeyAdministration) -> None:
    first = administration.create("tests", NOW)
    second = administration.rotate(first.key.id, HOUR, NOW)
    third = administration.rotate(first.key.id, HOUR, NOW)
    rejection(keys, first.token, KeyUnknown)
    keys.authenticate(second.token, NOW)
    keys.authenticate(third.token, NOW)


def test_a_key_with_attributes_of_a_later_version_is_valid(
    aws: Aws, keys: ApiKeys, administration: KeyAdministration
) -> None:
    issued = administration.create("tests", NOW)
    aws.dynamodb.update_item(
        TableName=aws.keys_table,
        Key={"id": {"S": issued.key.id}},
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
def test_every_dynamodb_error_is_ledger_unavailable_without_details(
    aws_environment: None, status: int, code: str
) -> None:
    with serve_aws_error(status, code) as url, pytest.raises(LedgerUnavailable) as failure:
        ApiKeys(client_without_retries(url), "KeysTable").authenticate(token.create(token.create_id()), NOW)
    assert failure.value.retry_after == 1
    assert "ledger" in failure.value.message
    assert code not in failure.value.message
    assert "words of AWS" not in failure.value.message


def test_an_unreachable_dynamodb_is_ledger_unavailable(aws_environment: None) -> None:
    with pytest.raises(LedgerUnavailable):
        ApiKeys(client_without_retries(UNREACHABLE), "KeysTable").authenticate(token.create(token.create_id()), NOW)


def test_a_missing_table_is_ledger_unavailable(aws: Aws) -> None:
    with pytest.raises(LedgerUnavailable):
        ApiKeys(aws.dynamodb, "NoSuchTable").authenticate(token.create(token.create_id()), NOW)
