"""API keys and provider keys of the account."""

import time
from collections.abc import Iterator

import httpx2
import pytest

from qwen_gateway.ledger.administration import IssuedKey, KeyAdministration
from tests.builders import chat_request
from tests.smoke.claims import Claim, proves
from tests.smoke.target import FUNCTIONS, Account, Target


@pytest.fixture
def keys(account: Account) -> KeyAdministration:
    """Return the account's keys."""
    return KeyAdministration(account.stack.clients.dynamodb, account.stack.keys_table)


@pytest.fixture
def own_key(keys: KeyAdministration) -> Iterator[IssuedKey]:
    """Yield a key of this test alone, and revoke it afterwards."""
    issued = keys.create("smoke", time.time())
    yield issued
    keys.revoke(issued.key.id)


@proves(Claim.KEYS)
def test_a_key_is_accepted_rotated_and_revoked_at_once(
    target: Target, keys: KeyAdministration, own_key: IssuedKey
) -> None:
    def get_status(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.get(f"{target.base_url}/models", headers=headers, timeout=60).status_code

    assert get_status(own_key.token) == 200

    rotated = keys.rotate(own_key.key.id, 0, time.time())
    assert (get_status(own_key.token), get_status(rotated.token)) == (401, 200)

    keys.revoke(own_key.key.id)
    assert get_status(rotated.token) == 401


@proves(Claim.BUDGETS)
def test_a_budget_refuses_what_it_may_not_cover_and_holds_nothing_after_a_call(
    target: Target, keys: KeyAdministration, own_key: IssuedKey
) -> None:
    def call() -> httpx2.Response:
        headers = {"authorization": f"Bearer {own_key.token}"}
        body = chat_request(max_tokens=16)
        return httpx2.post(f"{target.base_url}/chat/completions", json=body, headers=headers, timeout=60)

    keys.set(own_key.key.id, {"budget": 1}, time.time())
    refused = call()
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "budget_exhausted"), refused.text

    keys.set(own_key.key.id, {"budget": 10**12}, time.time())
    assert call().status_code == 200
    key = keys.show(own_key.key.id)
    assert (key.held, key.remaining) == (0, 10**12 - key.spent)
    assert key.spent > 0


@proves(Claim.OWN_USAGE)
def test_a_key_reads_what_it_has_used(target: Target, own_key: IssuedKey) -> None:
    headers = {"authorization": f"Bearer {own_key.token}"}

    answer = httpx2.get(f"{target.base_url}/usage", headers=headers, timeout=60)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["object"], answer.json()["period"]["requests"]) == ("usage", 0)


@proves(Claim.PROVIDER_KEYS)
def test_the_provider_key_is_in_secrets_manager_and_in_no_environment(account: Account) -> None:
    secret = account.stack.clients.secretsmanager.describe_secret(SecretId=account.stack.provider_keys_secret)

    if not secret.get("VersionIdsToStages"):
        pytest.skip("the secret has no value, so the provider needs no key")
    for function in FUNCTIONS:
        variables = account.read_configuration(function)["Environment"]["Variables"]
        assert not [name for name, value in variables.items() if "API_KEY" in name or value.startswith("sk-")]
