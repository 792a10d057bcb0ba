"""Routes by pattern, and the targets that serve an endpoint."""

import json
from typing import Any

import pytest

from qwen_gateway import config
from qwen_gateway.config import ConfigurationError
from qwen_gateway.errors import EndpointNotServed, ModelUnknown
from qwen_gateway.routing import Routes, Target


def make_routes(**changes: Any) -> Routes:
    return Routes(config.parse(json.dumps(changes)))


PATTERNS = {
    "claude-*": [{"model": "general"}],
    "claude-haiku-*": [{"model": "small"}],
    "claude-haiku-9": [{"model": "exact"}],
    "*-5": [{"model": "five"}],
}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude-opus-5-5", "general"),
        ("claude-haiku-4-5-20251001", "small"),
        ("claude-haiku-9", "exact"),
        ("other-5", "five"),
        ("qwen-plus", "qwen-plus"),
    ],
)
def test_the_most_specific_route_counts(name: str, model: str) -> None:
    assert make_routes(routes=PATTERNS).targets(name)[0] == Target("dashscope", model)


def test_a_name_that_no_pattern_covers_is_unknown() -> None:
    with pytest.raises(ModelUnknown):
        make_routes(routes=PATTERNS).targets("gpt-4")


def test_patterns_are_routes_but_no_models() -> None:
    routes = make_routes(routes=PATTERNS)

    assert "claude-*" in routes.all()
    assert not any("*" in name for name in routes.models())


def test_targets_whose_provider_does_not_serve_an_endpoint_are_passed_over() -> None:
    chain = [{"model": "a", "provider": "holysheep"}, {"model": "b"}]
    routes = make_routes(routes={"mine": chain})

    assert routes.serving("mine", "messages") == (Target("dashscope", "b"),)
    assert len(routes.serving("mine", "chat/completions")) == 2


@pytest.mark.parametrize(
    ("provider", "advice"),
    [
        ({"base_url": "https://x.example/v1"}, "POST /v1/chat/completions"),
        ({"base_url": "https://x.example/v1", "endpoints": ["embeddings"]}, "POST /v1/embeddings"),
        ({"base_url": "https://x.example/v1", "endpoints": []}, "Use another model."),
    ],
)
def test_a_model_that_nobody_serves_so_names_the_endpoint_that_is(provider: dict[str, Any], advice: str) -> None:
    routes = make_routes(providers={"x": provider}, routes={"mine": [{"model": "a", "provider": "x"}]})

    with pytest.raises(EndpointNotServed, match=advice):
        routes.serving("mine", "messages")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://x.example/apps/anthropic/v1", "leave out /v1"),
        ("http://x.example/apps/anthropic", "unencrypted"),
        ("https://user@x.example", "must not contain a user"),
        ("x.example", "pattern"),
    ],
)
def test_an_invalid_anthropic_base_url_is_refused_by_name(url: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match="anthropic_base_url.*" + problem):
        make_routes(providers={"dashscope": {"anthropic_base_url": url}})


def test_both_urls_of_a_provider_need_its_workspace() -> None:
    url = "https://{workspace}.example/apps/anthropic/"
    with pytest.raises(ConfigurationError, match="workspace"):
        make_routes(providers={"dashscope": {"anthropic_base_url": url}})

    merged = config.parse(json.dumps({"providers": {"dashscope": {"anthropic_base_url": url, "workspace": "ws"}}}))
    assert merged.providers["dashscope"].urls["anthropic"] == "https://ws.example/apps/anthropic"
