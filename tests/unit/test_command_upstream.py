import json
from collections.abc import Callable

import httpx2
import pytest

from qwen_gateway import config
from qwen_gateway_cli import upstream
from qwen_gateway_cli.console import CommandRefused

URL = "http://127.0.0.1:11434/v1"
type Answer = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DASHSCOPE_API_KEY", "HOLYSHEEP_API_KEY", "QWEN_GATEWAY_PROVIDER_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[httpx2.Request]]:
    """Let the provider's URL answer as a function says; the requests are returned."""
    real_client = httpx2.Client

    def answer_with(answer: Answer) -> list[httpx2.Request]:
        requests: list[httpx2.Request] = []

        def record(request: httpx2.Request) -> httpx2.Response:
            requests.append(request)
            return answer(request)

        def client(**options: object) -> httpx2.Client:
            return real_client(transport=httpx2.MockTransport(record), **options)  # type: ignore[arg-type]

        monkeypatch.setattr(httpx2, "Client", client)
        return requests

    return answer_with


def models(*names: str) -> Answer:
    return lambda _: httpx2.Response(200, json={"object": "list", "data": [{"id": name} for name in names]})


def test_with_the_mock_no_provider_of_the_configuration_leaves_this_machine() -> None:
    chosen = upstream.build_mock_upstream("http://127.0.0.1:9999")
    merged = config.parse(json.dumps(chosen.gateway_config))

    assert merged.providers
    urls = [url for provider in merged.providers.values() for url in provider.urls.values()]
    assert all(url.startswith("http://127.0.0.1:9999/") for url in urls)
    assert chosen.keys.keys() == merged.providers.keys()


def test_the_mock_keeps_the_providers_path() -> None:
    merged = config.parse(json.dumps(upstream.build_mock_upstream("http://127.0.0.1:9999").gateway_config))

    assert merged.providers["dashscope"].url == "http://127.0.0.1:9999/compatible-mode/v1"
    assert merged.providers["dashscope"].urls["anthropic"] == "http://127.0.0.1:9999/apps/anthropic"
    assert merged.providers["holysheep"].url == "http://127.0.0.1:9999/v1"


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("dashscope", "DASHSCOPE_API_KEY"),
        ("dashscope-beijing", "DASHSCOPE_API_KEY"),
        ("holysheep", "HOLYSHEEP_API_KEY"),
    ],
)
def test_a_named_provider_becomes_the_default_with_the_key_of_its_variable(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "sk-real\n")

    chosen = upstream.resolve_upstream(name)

    assert config.parse(json.dumps(chosen.gateway_config)).default_provider == name
    assert chosen.keys == {name: "sk-real"}
    assert chosen.root == upstream._strip_path(config.parse("").providers[name].url)


def test_a_named_provider_without_its_key_fails_with_the_variables_name() -> None:
    with pytest.raises(CommandRefused, match="DASHSCOPE_API_KEY"):
        upstream.resolve_upstream("dashscope")


def test_an_unknown_provider_fails_with_the_known_ones() -> None:
    with pytest.raises(CommandRefused, match="dashscope, "):
        upstream.resolve_upstream("openai")


def test_a_provider_that_lacks_its_workspace_is_rejected_by_the_configuration() -> None:
    with pytest.raises(config.ConfigurationError, match="workspace"):
        upstream.resolve_upstream("dashscope-frankfurt")


def test_each_model_of_a_url_is_a_route_and_the_aliases_use_the_first(
    answering: Callable[[Answer], list[httpx2.Request]],
) -> None:
    requests = answering(models("qwen3:8b", "qwen-plus"))

    chosen = upstream.resolve_upstream(URL + "/")
    routes = config.parse(json.dumps(chosen.gateway_config)).routes

    assert {name: (target.provider, target.model) for name, (target,) in routes.items()} == {
        "qwen3:8b": ("local", "qwen3:8b"),
        "qwen-plus": ("local", "qwen-plus"),
        "qwen-max": ("local", "qwen3:8b"),
        "qwen-turbo": ("local", "qwen3:8b"),
        "claude-*": ("local", "qwen3:8b"),
        "claude-haiku-*": ("local", "qwen3:8b"),
    }
    assert chosen.root == "http://127.0.0.1:11434"
    assert [str(request.url) for request in requests] == [f"{URL}/models"]


def test_a_url_is_called_with_the_key_of_the_environment(
    answering: Callable[[Answer], list[httpx2.Request]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QWEN_GATEWAY_PROVIDER_KEY", "sk-mine")
    (requests, chosen) = (answering(models("qwen3")), upstream.resolve_upstream(URL))

    assert requests[0].headers["authorization"] == "Bearer sk-mine"
    assert chosen.keys == {"local": "sk-mine"}
    assert config.parse(json.dumps(chosen.gateway_config)).providers["local"].needs_key


def test_a_url_needs_no_key(answering: Callable[[Answer], list[httpx2.Request]]) -> None:
    answering(models("qwen3"))

    chosen = upstream.resolve_upstream(URL)

    assert not config.parse(json.dumps(chosen.gateway_config)).providers["local"].needs_key
    assert not chosen.keys


def unreachable(_request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("Connection refused")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (unreachable, "cannot be reached: Connection refused"),
        (lambda _: httpx2.Response(401), "QWEN_GATEWAY_PROVIDER_KEY"),
        (lambda _: httpx2.Response(404, text="not here"), "is the URL right"),
        (lambda _: httpx2.Response(200, text="<html>"), "is the URL right"),
        (lambda _: httpx2.Response(200, json=["qwen3"]), "is the URL right"),
        (models(), "lists no model"),
    ],
)
def test_a_url_that_cannot_serve_fails_with_the_reason(
    answer: Answer, reason: str, answering: Callable[[Answer], list[httpx2.Request]]
) -> None:
    answering(answer)

    with pytest.raises(CommandRefused, match=reason):
        upstream.resolve_upstream(URL)
