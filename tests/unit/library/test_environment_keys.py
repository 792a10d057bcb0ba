"""Which variable holds a provider's key, and what is said when none does."""

import pytest

from qwen_gateway.environment_keys import EnvironmentKeys, key_of, variable
from qwen_gateway.errors import ProviderNotConfigured


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DASHSCOPE_API_KEY", "HOLYSHEEP_API_KEY", "QWEN_GATEWAY_PROVIDER_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("dashscope", "DASHSCOPE_API_KEY"),
        ("dashscope-beijing", "DASHSCOPE_API_KEY"),
        ("holysheep", "HOLYSHEEP_API_KEY"),
        ("mine", "QWEN_GATEWAY_PROVIDER_KEY"),
    ],
)
def test_every_provider_has_its_variable(provider: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert variable(provider) == name
    assert key_of(provider) == ""

    monkeypatch.setenv(name, " sk-of-the-environment\n")
    assert key_of(provider) == "sk-of-the-environment"
    assert EnvironmentKeys({}).key(provider) == "sk-of-the-environment"


def test_a_key_that_was_given_goes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-of-the-environment")
    keys = EnvironmentKeys({"dashscope": "sk-given"})

    assert keys.key("dashscope") == "sk-given"
    assert keys.key("dashscope-beijing") == "sk-of-the-environment"


def test_without_a_key_the_variable_is_named() -> None:
    with pytest.raises(ProviderNotConfigured, match="HOLYSHEEP_API_KEY"):
        EnvironmentKeys({}).key("holysheep")


@pytest.mark.parametrize("key", ["sk-marked secret", "sk-marked\nsecret", "sk-märked"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ProviderNotConfigured, match="dashscope") as refused:
        EnvironmentKeys({"dashscope": key}).key("dashscope")

    assert "rked" not in refused.value.message


def test_a_refused_key_has_no_successor() -> None:
    assert not EnvironmentKeys({"dashscope": "sk-given"}).reload_refused("dashscope", "sk-given")
