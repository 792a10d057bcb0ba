"""Provider keys are cached, kept while Secrets Manager fails, and never quoted."""

import json
import threading
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from qwen_gateway.errors import ProviderNotConfigured, SecretsUnavailable
from qwen_gateway.provider_keys import secrets_manager
from qwen_gateway.provider_keys.secrets_manager import ProviderKeys

DOWN = EndpointConnectionError(endpoint_url="http://secrets")


class FakeSecretsManager:
    """Returns the current value of `secret`, or raises it, and counts the reads."""

    def __init__(self, secret: object) -> None:
        self.secret = secret
        self.reads = 0
        self.ended_waits = 0
        self.gate = threading.Event()
        """A read waits until it is set."""
        self.gate.set()

    def get_secret_value(self, **_: str) -> dict[str, Any]:
        self.reads += 1
        self.gate.wait(5)
        self.ended_waits += 1
        if isinstance(self.secret, Exception):
            raise self.secret
        if isinstance(self.secret, dict) and "ARN" in self.secret:
            return self.secret
        return {"SecretString": self.secret if isinstance(self.secret, str) else json.dumps(self.secret)}


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def entry(key: str) -> dict[str, str]:
    return {"key": key, "set_at": "2026-11-24T09:00:00Z"}


MISSING = "Secrets Manager can't find the specified secret."
NO_VALUE = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"


def client_error(code: str, message: str = "arn:aws:secret sk-one") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetSecretValue")


def make_keys(secret: object) -> tuple[ProviderKeys, FakeSecretsManager, FakeClock]:
    manager, clock = FakeSecretsManager(secret), FakeClock()
    return ProviderKeys(cast("Any", manager), "a-secret", clock), manager, clock


def test_the_secret_is_read_once() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one"), "holysheep": entry("sk-two")})
    assert [keys.key("dashscope", 5), keys.key("holysheep", 5), keys.key("dashscope", 5)] == [
        "sk-one",
        "sk-two",
        "sk-one",
    ]
    assert manager.reads == 1


def test_a_prefetch_is_the_only_read() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    keys.prefetch()
    keys.prefetch()
    assert keys.key("dashscope", 5) == "sk-one"
    assert manager.reads == 1


def test_a_failed_prefetch_is_ignored_and_the_secret_is_read_again() -> None:
    keys, manager, _ = make_keys(DOWN)
    keys.prefetch()
    manager.secret = {"dashscope": entry("sk-one")}
    assert keys.key("dashscope", 5) == "sk-one"


def test_the_secret_is_read_again_after_five_minutes() -> None:
    keys, manager, clock = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope", 5)
    manager.secret = {"dashscope": entry("sk-new")}
    clock.now += 299
    assert keys.key("dashscope", 5) == "sk-one"
    clock.now += 1
    assert keys.key("dashscope", 5) == "sk-new"


@pytest.mark.parametrize("failure", [DOWN, client_error("AccessDeniedException"), "not json", {"dashscope": {}}])
def test_keys_are_kept_while_reads_fail_and_reads_are_a_minute_apart(failure: object) -> None:
    keys, manager, clock = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope", 5)
    manager.secret = failure
    clock.now += 300
    assert keys.key("dashscope", 5) == "sk-one"
    assert keys.failure
    clock.now += 59
    assert keys.key("dashscope", 5) == "sk-one"
    assert manager.reads == 2
    clock.now += 1
    assert keys.key("dashscope", 5) == "sk-one"
    assert manager.reads == 3
    manager.secret = {"dashscope": entry("sk-new")}
    clock.now += 60
    assert keys.key("dashscope", 5) == "sk-new"
    assert keys.failure is None


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (DOWN, "did not answer"),
        (client_error("InternalServiceError"), "did not answer"),
        (client_error("AccessDeniedException"), "denied"),
        (client_error("ResourceNotFoundException", MISSING), "does not exist"),
        (client_error("InvalidRequestException"), "about to be deleted"),
        (KeyError("sk-one"), "an unhandled KeyError"),
        (client_error("DecryptionFailure"), "decrypted"),
        ({"ARN": "arn:aws:secret", "SecretBinary": b"sk-one"}, "not JSON"),
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
        keys.key("dashscope", 5)
    assert cause in error.value.message
    assert error.value.retry_after == 1
    assert "sk-one" not in error.value.message
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(client_error("ResourceNotFoundException", NO_VALUE), id="AWS and moto"),
        pytest.param({"ARN": "arn:aws:secret"}, id="an answer without SecretString"),
        pytest.param({"ARN": "arn:aws:secret", "SecretString": ""}, id="ministack"),
        pytest.param("{}", id="no key"),
    ],
)
def test_the_error_for_a_secret_without_a_value_names_the_command_to_run(secret: object) -> None:
    keys, _, _ = make_keys(secret)
    with pytest.raises(ProviderNotConfigured, match="qwen-gateway secrets set dashscope"):
        keys.key("dashscope", 5)


def test_a_missing_key_is_read_again_after_five_seconds() -> None:
    keys, manager, clock = make_keys({"holysheep": entry("sk-two")})
    for _ in range(3):
        with pytest.raises(ProviderNotConfigured):
            keys.key("dashscope", 5)
    assert manager.reads == 1
    manager.secret = {"dashscope": entry("sk-one")}
    clock.now += 5
    assert keys.key("dashscope", 5) == "sk-one"


def test_a_refused_key_causes_at_most_one_read_a_minute() -> None:
    keys, manager, clock = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope", 5)
    assert [keys.reload_refused("dashscope", "sk-one", 5) for _ in range(3)] == [False, False, False]
    assert manager.reads == 2
    manager.secret = {"dashscope": entry("sk-new")}
    clock.now += 60
    assert keys.reload_refused("dashscope", "sk-one", 5)
    assert keys.key("dashscope", 5) == "sk-new"
    assert manager.reads == 3


def test_a_call_with_the_old_key_gets_the_key_that_another_call_reloaded() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one"), "holysheep": entry("sk-two")})
    keys.key("dashscope", 5)
    manager.secret = {"dashscope": entry("sk-new"), "holysheep": entry("sk-two")}
    assert keys.reload_refused("dashscope", "sk-one", 5)
    assert keys.reload_refused("dashscope", "sk-one", 5)
    assert not keys.reload_refused("holysheep", "sk-two", 5)


def test_a_call_with_the_new_key_gets_no_other() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope", 5)
    manager.secret = {"dashscope": entry("sk-new")}
    assert keys.reload_refused("dashscope", "sk-one", 5)
    assert not keys.reload_refused("dashscope", "sk-new", 5)


def test_a_failed_reload_keeps_the_key() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope", 5)
    manager.secret = DOWN
    assert not keys.reload_refused("dashscope", "sk-one", 5)
    assert keys.key("dashscope", 5) == "sk-one"


def test_concurrent_threads_share_one_read() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    barrier, results = threading.Barrier(8), []

    def read() -> None:
        barrier.wait()
        results.append(keys.key("dashscope", 5))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["sk-one"] * 8
    assert manager.reads == 1


def test_the_first_read_takes_no_longer_than_the_call_has_time() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    manager.gate.clear()
    for seconds in (0.01, 0, -1):
        with pytest.raises(SecretsUnavailable, match="did not answer"):
            keys.key("dashscope", seconds)
    manager.gate.set()
    assert keys.key("dashscope", 20) == "sk-one"
    assert manager.reads == 1


def test_a_known_key_is_used_when_a_newer_value_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets_manager, "_REFRESH_WAIT_S", 0.01)
    keys, manager, clock = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope", 5)
    manager.gate.clear()
    clock.now += 300
    assert keys.key("dashscope", 900) == "sk-one"
    assert not keys.reload_refused("dashscope", "sk-one", 0.01)
    assert (manager.reads, manager.ended_waits) == (2, 1)
    manager.gate.set()


def test_a_call_that_needs_no_read_does_not_wait_for_one() -> None:
    keys, manager, _ = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope", 5)
    manager.gate.clear()
    assert not keys.reload_refused("dashscope", "sk-one", 0)
    results: list[str] = []
    call = threading.Thread(target=lambda: results.append(keys.key("dashscope", 20)), daemon=True)
    call.start()
    call.join(10)
    manager.gate.set()
    assert results == ["sk-one"]
    assert manager.reads == 2


def test_the_repr_contains_no_key() -> None:
    keys, _, _ = make_keys({"dashscope": entry("sk-one")})
    keys.key("dashscope", 5)
    assert "sk-one" not in repr(keys)
