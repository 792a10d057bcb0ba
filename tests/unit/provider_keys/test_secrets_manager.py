"""Provider keys are cached, kept while Secrets Manager fails, and never quoted."""

import json
import threading
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from qwen_gateway.errors import ProviderNotConfigured, SecretsUnavailable
from qwen_gateway.provider_keys.secrets_manager import ProviderKeys

DOWN = EndpointConnectionError(endpoint_url="http://secrets")


class FakeSecretsManager:
    """Returns the current value of `secret`, or raises it, and counts the reads."""

    def __init__(self, secret: object) -> None:
        self.secret = secret
        self.reads = 0

    def get_secret_value(self, **_: str) -> dict[str, Any]:
        self.reads += 1
        if isinstance(self.secret, Exception):
            raise self.secret
        return {"SecretString": self.secret if isinstance(self.secret, str) else json.dumps(self.secret)}


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def entry(key: str) -> dict[str, str]:
    return {"key": key, "set_at": "2026-11-24T09:00:00Z"}


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "arn:aws:secret sk-one"}}, "GetSecretValue")


def make_keys(secret: object) -> tuple[ProviderKeys, FakeSecretsManager, FakeClock]:
    manager, clock = FakeSecretsManager(secret), FakeClock()
    return ProviderKeys(cast("Any", manager), "a-secret", clock), manager, clock


def test_the_secret_is_read_once() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one"), "holysheep": entry("sk-two")})
    assert [keys.key("dashscope"), keys.key("holysheep"), keys.key("dashscope")] == ["sk-one", "sk-two", "sk-one"]
    assert manager.reads == 1


def test_a_prefetch_is_the_only_read() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    keys.prefetch()
    keys.prefetch()
    assert keys.key("dashscope") == "sk-one"
    assert manager.reads == 1


def test_a_failed_prefetch_is_ignored_and_the_secret_is_read_again() -> None:
    keys, manager, _ = make_keys(DOWN)
    keys.prefetch()
    manager.secret = {"dashscope": entry("sk-one")}
    assert keys.key("dashscope") == "sk-one"


def test_the_secret_is_read_again_after_five_minutes() -> None:
    keys, manager, clock = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    manager.secret = {"dashscope": entry("sk-new")}
    clock.now += 299
    assert keys.key("dashscope") == "sk-one"
    clock.now += 1
    assert keys.key("dashscope") == "sk-new"


@pytest.mark.parametrize("failure", [DOWN, client_error("AccessDeniedException"), "not json", {"dashscope": {}}])
def test_keys_are_kept_while_reads_fail_and_reads_are_a_minute_apart(failure: object) -> None:
    keys, manager, clock = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    manager.secret = failure
    clock.now += 300
    assert keys.key("dashscope") == "sk-one"
    assert keys.failure
    clock.now += 59
    assert keys.key("dashscope") == "sk-one"
    assert manager.reads == 2
    clock.now += 1
    assert keys.key("dashscope") == "sk-one"
    assert manager.reads == 3
    manager.secret = {"dashscope": entry("sk-new")}
    clock.now += 60
    assert keys.key("dashscope") == "sk-new"
    assert keys.failure is None


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (DOWN, "did not answer"),
        (client_error("InternalServiceError"), "did not answer"),
        (client_error("AccessDeniedException"), "denied"),
        (client_error("ResourceNotFoundException"), "does not exist"),
        (client_error("DecryptionFailure"), "decrypted"),
        ("", "not JSON"),
        ('{"dashscope": "sk-one"', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["sk-one"]', "not a JSON object"),
        ({"dashscope": "sk-one"}, "has no key"),
        ({"dashscope": {"key": ""}}, "has no key"),
        ({"dashscope": {"key": 1}}, "has no key"),
        ({"dashscope": {"key": "sk-one\n"}}, "has no key"),
        ({"dashscope": {"key": "sk one"}}, "has no key"),
        ({"dashscope": {"key": "sk-ön"}}, "has no key"),
        ({"sk-one": "dashscope"}, "has no key"),
    ],
)
def test_the_error_before_the_first_read_names_the_cause_and_no_value(failure: object, cause: str) -> None:
    keys, _, _ = make_keys(failure)
    with pytest.raises(SecretsUnavailable) as error:
        keys.key("dashscope")
    assert cause in error.value.message
    assert error.value.retry_after == 1
    assert "sk-one" not in error.value.message
    assert error.value.__cause__ is None


def test_the_error_for_an_empty_secret_names_the_command_to_run() -> None:
    keys, _, _ = make_keys({})
    with pytest.raises(ProviderNotConfigured, match="qwen-gateway secrets set dashscope"):
        keys.key("dashscope")


def test_a_missing_key_is_read_again_after_five_seconds() -> None:
    keys, manager, clock = make_keys({"holysheep": entry("sk-two")})
    for _ in range(3):
        with pytest.raises(ProviderNotConfigured):
            keys.key("dashscope")
    assert manager.reads == 1
    manager.secret = {"dashscope": entry("sk-one")}
    clock.now += 5
    assert keys.key("dashscope") == "sk-one"


def test_a_refused_key_causes_at_most_one_read_a_minute() -> None:
    keys, manager, clock = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    assert [keys.reload_refused("dashscope", "sk-one") for _ in range(3)] == [False, False, False]
    assert manager.reads == 2
    manager.secret = {"dashscope": entry("sk-new")}
    clock.now += 60
    assert keys.reload_refused("dashscope", "sk-one")
    assert keys.key("dashscope") == "sk-new"
    assert manager.reads == 3


def test_a_call_with_the_old_key_gets_the_key_that_another_call_reloaded() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one"), "holysheep": entry("sk-two")})
    keys.key("dashscope")
    manager.secret = {"dashscope": entry("sk-new"), "holysheep": entry("sk-two")}
    assert keys.reload_refused("dashscope", "sk-one")
    assert keys.reload_refused("dashscope", "sk-one")
    assert not keys.reload_refused("holysheep", "sk-two")


def test_a_call_with_the_new_key_gets_no_other() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    manager.secret = {"dashscope": entry("sk-new")}
    assert keys.reload_refused("dashscope", "sk-one")
    assert not keys.reload_refused("dashscope", "sk-new")


def test_a_failed_reload_keeps_the_key() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    manager.secret = DOWN
    assert not keys.reload_refused("dashscope", "sk-one")
    assert keys.key("dashscope") == "sk-one"


def test_concurrent_threads_share_one_read() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    barrier, results = threading.Barrier(8), []

    def read() -> None:
        barrier.wait()
        results.append(keys.key("dashscope"))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["sk-one"] * 8
    assert manager.reads == 1


def test_the_repr_contains_no_key() -> None:
    keys, _, _ = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    assert "sk-one" not in repr(keys)
