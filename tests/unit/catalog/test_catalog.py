"""Model data of the catalog, with its sources and dates."""

from datetime import datetime
from pathlib import Path

import pytest

from qwen_gateway import catalog, config, datafile
from qwen_gateway.catalog import Embedding, Quirks, Range, Retirement
from qwen_gateway.dialect.thinking import efforts

SECTIONS = sorted(catalog.sections())


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_a_source_and_plausible_limits(name: str) -> None:
    document = datafile.load(Path(catalog.__file__).parent, name)

    assert document["source"]
    for model in catalog.section(name).values():
        assert (model.input_tokens is None) == (model.output_tokens is None)
        assert (model.input_tokens or 2) > (model.output_tokens or 1) > 0
        assert model.modalities is None or "text" in model.modalities
        assert model.created > 1_700_000_000


def test_token_limits_match_their_source() -> None:
    """Model pages of Alibaba Cloud, November 2026: maximum input and output in tokens."""
    singapore = catalog.section("dashscope-intl")

    assert singapore["qwen4-max"][2:4] == (991_808, 393_000)
    assert singapore["qwen3.8-max"][2:4] == (991_808, 131_072)
    assert singapore["qwen3-max"][2:4] == (258_048, 65_536)
    assert singapore["qwen3.7-flash"][2:4] == (991_000, 64_000)
    assert singapore["qwen3.6-flash"][2:4] == singapore["qwen3.5-flash"][2:4] == (None, None)
    assert singapore["qwen-max-latest"][1:] == singapore["qwen3.8-max-0902"][1:] == singapore["qwen3.8-max"][1:]
    assert singapore["qwen-flash"][2:4] == (997_952, 32_768)
    assert singapore["qwen3-vl-plus"].modalities == ("text", "image", "video")


def test_embedding_models_match_their_source() -> None:
    """Alibaba Cloud's pages "OpenAI compatible - Embedding", read in November 2026."""
    singapore = catalog.section("dashscope-intl")

    lengths = (1_024, 2_048, 1_536, 768, 512, 256, 128, 64)
    assert singapore["text-embedding-v4"].embedding == Embedding(10, 8_192, lengths, token_ids=False)
    assert singapore["text-embedding-v3"].embedding == Embedding(10, 8_192, (1_024, 768, 512), token_ids=False)
    assert [name for name, model in singapore.items() if model.embedding] == ["text-embedding-v4", "text-embedding-v3"]


def test_thinking_and_quirks_match_their_source() -> None:
    """QwenCloud's and Alibaba Cloud's pages on thinking and structured output, November 2026."""
    singapore = catalog.section("dashscope-intl")

    assert singapore["qwen3.6-plus"].thinking.default == "on"
    assert singapore["qwen-plus"].thinking.default == "off"
    assert singapore["qwq-plus"].thinking.default == "always"
    assert singapore["qwen3-coder-plus"].thinking.default == "never"
    assert singapore["qwen3.7-plus"].thinking.default is None
    assert singapore["qwen3.8-max"].thinking.efforts == ("none", "low", "medium", "xhigh")
    assert singapore["qwen4-max"].thinking.capped_by == ("max_tokens", "max_completion_tokens")
    assert (singapore["qwen-plus"].tools, singapore["qwen-plus"].json_schema) == (True, True)
    assert singapore["qwq-plus"].json_schema is False
    assert singapore["qwen4-max"].modalities == ("text", "image", "video")
    assert singapore["qwen4-max"].thinking.efforts == tuple(efforts())
    assert singapore["qwen3.6-flash"].thinking.default == singapore["qwen3.5-flash"].thinking.default == "on"
    assert singapore["qwen3.7-flash"].modalities is None
    for model in (*singapore.values(), *catalog.section("dashscope-cn").values()):
        assert model.quirks.roles == {"developer": "system"}
        assert set(model.quirks.drops) == {"store", "metadata", "service_tier", "prompt_cache_key"}
        assert model.quirks.json_word
        assert model.quirks.thinking_excludes == ("forced_tool", "json_object")
        assert model.quirks.ranges == {
            "temperature": Range(below=2, highest=1.999),
            "top_p": Range(above=0, lowest=0.001),
        }


RETIRED = datetime.fromisoformat("2026-10-10T00:00:00+08:00")


@pytest.mark.parametrize(
    ("section", "retirements"),
    [
        ("dashscope-intl", {"qwen3-max": "qwen3.7-max", "qwen3-coder-plus": "qwen3.7-plus", "qwq-plus": None}),
        ("dashscope-cn", {"qwen3-max": "qwen3.7-max", "qwen3-coder-plus": "qwen3.7-plus"}),
    ],
)
def test_retirements_match_their_source(section: str, retirements: dict[str, str | None]) -> None:
    """DataWorks announcement of Alibaba Cloud: the models that retire on 10 October 2026 at midnight (UTC+8)."""
    known = {model.id: model.retirement for model in catalog.section(section).values() if model.retirement}

    assert known == {name: Retirement(RETIRED, successor) for name, successor in retirements.items()}


def test_every_successor_is_a_model_that_is_not_retired() -> None:
    models = catalog.section("dashscope-intl")
    successors = {model.retirement.successor for model in models.values() if model.retirement}

    assert all(models[name].retirement is None for name in successors if name)


def test_beijing_and_singapore_agree_on_every_shared_model() -> None:
    singapore, beijing = catalog.section("dashscope-intl"), dict(catalog.section("dashscope-cn"))

    # The page of Singapore lists fewer lengths of its vectors.
    assert beijing.pop("text-embedding-v3")._replace(embedding=None) == singapore["text-embedding-v3"]._replace(
        embedding=None
    )
    assert beijing == {name: singapore[name] for name in beijing}


FACTS = {
    *("input_tokens", "output_tokens", "modalities", "tools", "json_schema", "as_of"),
    *("thinking", "controls", "efforts", "thinking_capped_by"),
    *("thinking_tokens", "image_tokens"),
    *("retires", "retires_source", "successor", "embedding"),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_only_known_fields_and_values(name: str) -> None:
    document = datafile.load(Path(catalog.__file__).parent, name)

    assert document.keys() == {"owned_by", "source", "as_of", "test_model", "image_tokens", "quirks", "models"}
    assert document["test_model"] in document["models"]
    assert document["quirks"].keys() <= set(Quirks._fields)
    for facts in document["models"].values():
        assert facts.keys() <= FACTS
        assert ("retires" in facts) == ("retires_source" in facts) >= ("successor" in facts)
        assert datetime.fromisoformat(facts.get("retires", "2026-10-10T00:00:00+08:00")).tzinfo
        assert set(facts.get("modalities", ())) <= {"text", "image", "video", "audio"}
        assert facts.get("thinking", "on") in {"on", "off", "always", "never"}
        assert set(facts.get("controls", ())) <= {"enable_thinking", "reasoning_effort", "thinking_budget"}
        assert set(facts.get("efforts", ())) <= efforts().keys()
        assert set(facts.get("thinking_capped_by", ())) <= {"max_tokens", "max_completion_tokens"}


def test_an_unknown_section_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        catalog.section("nowhere")


def test_the_providers_use_exactly_the_existing_sections() -> None:
    named = {provider.catalog for provider in config.parse("").providers.values() if provider.catalog}

    assert named == set(SECTIONS)
