"""A provider's key never leaves a private network unencrypted, and no URL contains a password."""

import json
from typing import Any

import pytest

from qwen_gateway.config import ConfigurationError, parse
from qwen_gateway.library import QwenClient
from qwen_gateway_cli.upstream import resolve_upstream

PUBLIC = [
    "http://dashscope.aliyuncs.com/v1",
    "http://8.8.8.8/v1",
    "http://172.32.0.1/v1",
    "http://192.0.2.1/v1",
    "http://0.0.0.0/v1",
    "http://[2001:db8::1]/v1",
    "http://[::ffff:8.8.8.8]/v1",
    "http://134744072/v1",  # 8.8.8.8 as one number
    "http://0x08080808/v1",
    "http://010.8.8.8/v1",
    "http://10.0.0.1.example.com/v1",
    "http://localhost.example.com/v1",
    "http://internal.example.com/v1",
    "http://example.com/v1.local",
    "http://example.com\\.local/v1",
    "http://ai./v1",
    "http://EXAMPLE.COM/v1",
]
PRIVATE = [
    "http://127.0.0.1:11434/v1",
    "http://127.8.9.10/v1",
    "http://10.0.0.5:8000/v1",
    "http://172.31.255.255/v1",
    "http://192.168.1.7/v1",
    "http://169.254.1.1/v1",
    "http://[::1]:8000/v1",
    "http://[fd00::5]/v1",
    "http://[fe80::1]/v1",
    "http://[::ffff:10.0.0.5]/v1",
    "http://localhost:11434/v1",
    "http://LOCALHOST/v1",
    "http://ollama:11434/v1",
    "http://host.docker.internal:11434/v1",
    "http://gpu.local/v1",
    "http://vllm.svc.cluster.local:8000/v1",
]
PASSWORD = "hunter2-marked"


def load(url: str, **fields: Any) -> None:
    parse(json.dumps({"providers": {"mine": {"base_url": url, **fields}}}))


@pytest.mark.parametrize("url", PUBLIC)
def test_a_key_is_not_sent_unencrypted_to_a_public_server(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.mine\.base_url: .*https://.*needs_key = false"):
        load(url)


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_server_may_have_a_key_over_http(url: str) -> None:
    load(url)


@pytest.mark.parametrize("url", PUBLIC)
def test_a_server_without_authentication_may_be_called_over_http(url: str) -> None:
    load(url, needs_key=False)


@pytest.mark.parametrize("needs_key", [True, False])
@pytest.mark.parametrize("user", [f"user:{PASSWORD}", PASSWORD, f":{PASSWORD}", f"127.0.0.1\\{PASSWORD}", ""])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_url_has_no_user_information(scheme: str, user: str, needs_key: bool) -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.mine\.base_url: .*user or a password") as error:
        load(f"{scheme}://{user}@localhost/v1", needs_key=needs_key)
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [("https://:443/v1", "no host"), ("https://a:b/v1", "invalid"), ("https://[::1/v1", "invalid")],
)
def test_an_address_that_no_client_can_connect_to_is_refused(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"providers\.mine\.base_url: .*{words}"):
        load(url)


def test_the_workspace_is_part_of_the_checked_url() -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.mine\.base_url: .*https://"):
        load("http://{workspace}.example.com/v1", workspace="mine")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the key of every provider that gateway.toml does not name."""
    monkeypatch.setenv("QWEN_GATEWAY_PROVIDER_KEY", "sk-marked")


@pytest.mark.parametrize("url", ["http://qwen.example.com/v1", f"https://user:{PASSWORD}@qwen.example.com/v1"])
def test_up_and_the_library_refuse_the_same_urls(key: None, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.local\.base_url: ") as of_command:
        resolve_upstream(url)
    with pytest.raises(ConfigurationError, match=r"providers\.local\.base_url: ") as of_library:
        QwenClient(base_url=url)
    assert str(of_command.value) == str(of_library.value)
    assert PASSWORD not in str(of_command.value)


def test_the_library_sends_no_key_of_another_provider_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-marked")
    with pytest.raises(ConfigurationError, match=r"providers\.dashscope\.base_url: "):
        QwenClient("dashscope", base_url="http://qwen.example.com/v1")
