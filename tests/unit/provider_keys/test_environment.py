"""Provider keys from environment variables."""

import pytest

from qwen_gateway.errors import ProviderNotConfigured
from qwen_gateway.provider_keys.environment import EnvironmentKeys, get_variable, read_key


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_every_provider_has_a_variable(provider: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_variable(provider) == name
    assert read_key(provider) == ""

    monkeypatch.setenv(name, " sk-environment\n")
    assert read_key(provider) == "sk-environment"
    assert EnvironmentKeys({}).key(provider) == "sk-environment"


def test_a_given_key_takes_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-environment")
    keys = EnvironmentKeys({"dashscope": "sk-given"})

    assert keys.key("dashscope") == "sk-given"
    assert keys.key("dashscope-beijing") == "sk-environment"


def test_the_error_for_a_missing_key_names_the_variable() -> None:
    with pytest.raises(ProviderNotConfigured, match="HOLYSHEEP_API_KEY"):
        EnvironmentKeys({}).key("holysheep")


@pytest.mark.parametrize("key", ["sk-marked secret", "sk-marked\nsecret", "sk-märked"])
def test_an_invalid_header_value_is_rejected_and_not_quoted(key: str) -> None:
    with pytest.raises(ProviderNotConfigured, match="dashscope") as error:
        EnvironmentKeys({"dashscope": key}).key("dashscope")

    assert "rked" not in error.value.message


def test_reloading_a_refused_key_finds_no_other() -> None:
    assert not EnvironmentKeys({"dashscope": "sk-given"}).reload_refused("dashscope", "sk-given", 5)
