"""Parsing and validation of the configuration, and the routes that it defines."""

import json
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway import catalog, config, datafile
from qwen_gateway.config import ConfigurationError, Environment
from qwen_gateway.routing import Routes, Target
from tests.builders import QWEN_MAX

PACKAGE = Path(config.__file__).parent


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"timeout": {}}, "timeout"),
        ({"timeouts": {"connect": -1}}, "timeouts.connect"),
        ({"timeouts": {"connect": "soon"}}, "timeouts.connect"),
        ({"default_provider": "unknown"}, "default_provider"),
        ({"routes": {"a": []}}, "routes.a"),
        ({"routes": {"a": [{}]}}, "routes.a.0.model"),
        ({"routes": {"a": [{"model": "m", "provider": "unknown"}]}}, "routes.a"),
        ({"routes": {"a": [{"model": "m", "defaults": 7}]}}, "routes.a.0.defaults"),
        ({"routes": {"a": [{"model": "m", "defaults": {"": 7}}]}}, "routes.a.0.defaults"),
        ({"routes": {"a": [{"model": "m", "defaults": {"stream": True}}]}}, "routes.a.0.defaults: 'stream'"),
        ({"routes": {"a": [{"model": "m", "defaults": {"top_k": None}}]}}, "routes.a.0.defaults: 'top_k'"),
        ({"routes": {"a": [{"model": "m", "defaults": {"enable_thinking": "no"}}]}}, "'enable_thinking' has to be"),
        ({"routes": {"a": [{"model": "m"}, {"model": "m", "provider": "dashscope"}]}}, "routes.a"),
        ({"providers": {"mine": {}}}, "providers.mine.base_url"),
        ({"providers": {"mine": {"base_url": "ftp://example"}}}, "providers.mine.base_url"),
        ({"default_provider": "dashscope-frankfurt"}, "providers.dashscope-frankfurt.workspace"),
    ],
)
def test_an_invalid_configuration_is_rejected_with_the_invalid_key(overrides: Any, named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        config.parse(json.dumps(overrides))
    assert named in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_anything_but_a_json_object_is_rejected(text: str) -> None:
    with pytest.raises(ConfigurationError, match="GATEWAY_CONFIG"):
        config.parse(text)


def test_objects_merge_key_by_key_and_null_removes() -> None:
    merged = config.parse('{"timeouts": {"connect": 3}, "routes": {"qwen-turbo": null}}')

    assert (merged.timeouts.connect, merged.timeouts.idle) == (3, config.parse("").timeouts.idle)
    assert "qwen-max" in merged.routes
    assert "qwen-turbo" not in merged.routes


def test_frankfurt_works_with_a_workspace() -> None:
    own = {"providers": {"dashscope-frankfurt": {"workspace": "ws-1"}}, "default_provider": "dashscope-frankfurt"}

    provider = config.parse(json.dumps(own)).providers["dashscope-frankfurt"]

    assert provider.url == "https://ws-1.eu-central-1.maas.aliyuncs.com/compatible-mode/v1"


def test_an_unknown_catalog_section_is_rejected() -> None:
    configuration = config.parse('{"providers": {"dashscope": {"catalog": "nowhere"}}}')

    with pytest.raises(ConfigurationError, match=r"providers\.dashscope\.catalog"):
        Routes(configuration)


def test_a_missing_environment_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="KEYS_TABLE"):
        Environment.read({})


def test_every_model_of_the_default_catalog_has_a_route_of_its_name() -> None:
    routes = Routes(config.parse(""))

    for model, facts in catalog.section("dashscope-intl").items():
        if not facts.retirement:
            assert routes.targets(model)[0] == Target("dashscope", model)


@pytest.mark.parametrize("alias", ["qwen-max", "qwen-plus", "qwen-turbo"])
def test_an_alias_starts_and_ends_with_models_that_singapore_and_beijing_have(alias: str) -> None:
    everywhere = catalog.section("dashscope-intl").keys() & catalog.section("dashscope-cn").keys()
    first, *_, last = [target.model for target in config.parse("").routes[alias] * 2]

    assert {first, last} <= everywhere


def test_no_route_leads_to_a_model_with_a_retirement() -> None:
    routes = Routes(config.parse(""))

    models = [routes.describe(target) for targets in routes.configured.values() for target in targets]
    assert [model.id for model in models if model and model.retirement] == []


def test_the_aliases_lead_to_live_models_that_think_only_if_asked() -> None:
    configuration, off = config.parse(""), {"enable_thinking": False}
    targets = {
        alias: [(target.model, target.defaults) for target in targets]
        for alias, targets in configuration.routes.items()
    }

    assert targets == {
        "qwen-max": [(QWEN_MAX[0], off), (QWEN_MAX[1], off), (QWEN_MAX[2], {})],
        "qwen-plus": [("qwen-plus", {}), ("qwen-flash", {})],
        "qwen-turbo": [("qwen-flash", {})],
        "claude-*": [("qwen4-max", {}), ("qwen3.7-max", {}), ("qwen-flash", {})],
        "claude-haiku-*": [("qwen-flash", {}), ("qwen3.7-plus", {})],
    }


def test_the_defaults_of_a_target_reach_its_route() -> None:
    first, *_ = Routes(config.parse("")).targets("qwen-max")

    assert (first, first.defaults) == (Target("dashscope", QWEN_MAX[0]), {"enable_thinking": False})


def test_the_compiled_json_equals_the_toml(tmp_path: Path) -> None:
    copy = tmp_path / "qwen_gateway"
    for source in PACKAGE.rglob("*.toml"):
        target = copy / source.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    datafile.compile_tree(tmp_path)

    assert not list(copy.rglob("*.toml"))
    assert datafile.load(copy, "gateway") == datafile.load(PACKAGE, "gateway")
    for name in catalog.sections():
        assert datafile.load(copy / "catalog", name) == datafile.load(PACKAGE / "catalog", name)
