"""Provider keys are read seldom, kept when Secrets Manager fails, and never shown."""

import json
import threading
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from qwen_gateway.errors import ProviderNotConfigured, SecretsUnavailable
from qwen_gateway.secrets import ProviderKeys

DOWN = EndpointConnectionError(endpoint_url="http://secrets")


class SecretsManager:
    """Answers with what `secret` holds at the time, and counts."""

    def __init__(self, secret: object) -> None:
        self.secret = secret
        self.reads = 0

    def get_secret_value(self, **_: str) -> dict[str, Any]:
        self.reads += 1
        if isinstance(self.secret, Exception):
            raise self.secret
        return {"SecretString": self.secret if isinstance(self.secret, str) else json.dumps(self.secret)}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def entry(key: str) -> dict[str, str]:
    return {"key": key, "set_at": "2026-11-24T09:00:00Z"}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "arn:aws:secret sk-one"}}, "GetSecretValue")


def made(secret: object) -> tuple[ProviderKeys, SecretsManager, Clock]:
    manager, clock = SecretsManager(secret), Clock()
    return ProviderKeys(cast("Any", manager), "a-secret", clock), manager, clock


def test_the_secret_is_read_once() -> None:
    keys, manager, _ = made({"dashscope": entry("sk-one"), "holysheep": entry("sk-two")})
    assert [keys.key("dashscope"), keys.key("holysheep"), keys.key("dashscope")] == ["sk-one", "sk-two", "sk-one"]
    assert manager.reads == 1


def test_a_prefetch_is_that_one_read() -> None:
    keys, manager, _ = made({"dashscope": entry("sk-one")})
    keys.prefetch()
    keys.prefetch()
    assert keys.key("dashscope") == "sk-one"
    assert manager.reads == 1


def test_a_failed_prefetch_is_silent_and_the_keys_are_asked_for_again() -> None:
    keys, manager, _ = made(DOWN)
    keys.prefetch()
    manager.secret = {"dashscope": entry("sk-one")}
    assert keys.key("dashscope") == "sk-one"


def test_after_five_minutes_it_is_read_again() -> None:
    keys, manager, clock = made({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    manager.secret = {"dashscope": entry("sk-new")}
    clock.now += 299
    assert keys.key("dashscope") == "sk-one"
    clock.now += 1
    assert keys.key("dashscope") == "sk-new"


@pytest.mark.parametrize("failure", [DOWN, refusal("AccessDeniedException"), "not json", {"dashscope": {}}])
def test_the_last_good_keys_are_kept_and_a_failing_read_waits_a_minute(failure: object) -> None:
    keys, manager, clock = made({"dashscope": entry("sk-one")})
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
    ("failure", "words"),
    [
        (DOWN, "did not answer"),
        (refusal("InternalServiceError"), "did not answer"),
        (refusal("AccessDeniedException"), "denied"),
        (refusal("ResourceNotFoundException"), "does not exist"),
        (refusal("DecryptionFailure"), "decrypted"),
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
def test_without_any_value_the_error_says_what_is_wrong_and_shows_no_value(failure: object, words: str) -> None:
    keys, _, _ = made(failure)
    with pytest.raises(SecretsUnavailable) as error:
        keys.key("dashscope")
    assert words in error.value.message
    assert error.value.retry_after == 1
    assert "sk-one" not in error.value.message
    assert error.value.__cause__ is None


def test_an_empty_secret_names_the_command_to_run() -> None:
    keys, _, _ = made({})
    with pytest.raises(ProviderNotConfigured, match="qwen-gateway secrets set dashscope"):
        keys.key("dashscope")


def test_a_key_that_was_just_stored_is_found_without_waiting_for_the_age() -> None:
    keys, manager, clock = made({"holysheep": entry("sk-two")})
    for _ in range(3):
        with pytest.raises(ProviderNotConfigured):
            keys.key("dashscope")
    assert manager.reads == 1
    manager.secret = {"dashscope": entry("sk-one")}
    clock.now += 5
    assert keys.key("dashscope") == "sk-one"


def test_a_refused_key_is_read_again_at_most_once_a_minute() -> None:
    keys, manager, clock = made({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    assert [keys.reload_refused("dashscope", "sk-one") for _ in range(3)] == [False, False, False]
    assert manager.reads == 2
    manager.secret = {"dashscope": entry("sk-new")}
    clock.now += 60
    assert keys.reload_refused("dashscope", "sk-one")
    assert keys.key("dashscope") == "sk-new"
    assert manager.reads == 3


def test_whoever_was_refused_with_the_old_key_learns_that_another_call_loaded_a_new_one() -> None:
    keys, manager, _ = made({"dashscope": entry("sk-one"), "holysheep": entry("sk-two")})
    keys.key("dashscope")
    manager.secret = {"dashscope": entry("sk-new"), "holysheep": entry("sk-two")}
    assert keys.reload_refused("dashscope", "sk-one")
    assert keys.reload_refused("dashscope", "sk-one")
    assert not keys.reload_refused("holysheep", "sk-two")


def test_whoever_was_refused_with_the_new_key_learns_that_there_is_no_other() -> None:
    keys, manager, _ = made({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    manager.secret = {"dashscope": entry("sk-new")}
    assert keys.reload_refused("dashscope", "sk-one")
    assert not keys.reload_refused("dashscope", "sk-new")


def test_a_reload_that_fails_keeps_the_key() -> None:
    keys, manager, _ = made({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    manager.secret = DOWN
    assert not keys.reload_refused("dashscope", "sk-one")
    assert keys.key("dashscope") == "sk-one"


def test_threads_that_ask_at_once_share_one_read() -> None:
    keys, manager, _ = made({"dashscope": entry("sk-one")})
    gate, answers = threading.Barrier(8), []

    def ask() -> None:
        gate.wait()
        answers.append(keys.key("dashscope"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["sk-one"] * 8
    assert manager.reads == 1


def test_no_key_shows_in_a_representation() -> None:
    keys, _, _ = made({"dashscope": entry("sk-one")})
    keys.key("dashscope")
    assert "sk-one" not in repr(keys)
