"""What the catalog says of models, and that it says it with a source and a date."""

from pathlib import Path

import pytest

from qwen_gateway import catalog, config, datafile

SECTIONS = sorted(catalog.sections())


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_source_and_date_and_sensible_limits(name: str) -> None:
    document = datafile.load(Path(catalog.__file__).parent, name)

    assert document["source"]
    for model in catalog.section(name).values():
        assert model.input_tokens > model.output_tokens > 0
        assert "text" in model.modalities
        assert model.known_since > 1_700_000_000


def test_figures_are_those_of_their_source() -> None:
    """Model pages of Alibaba Cloud, November 2026: maximum input and output in tokens."""
    singapore = catalog.section("dashscope-intl")

    assert singapore["qwen4-max"][2:4] == (991_000, 393_000)
    assert singapore["qwen3.8-max"][2:4] == (991_808, 131_072)
    assert singapore["qwen3-max"][2:4] == (258_048, 65_536)
    assert singapore["qwen-flash"][2:4] == (997_952, 32_768)
    assert singapore["qwen3-vl-plus"].modalities == ("text", "image", "video")


def test_an_unknown_section_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        catalog.section("nowhere")


def test_every_section_that_a_provider_names_exists() -> None:
    named = {provider.catalog for provider in config.parse("").providers.values() if provider.catalog}

    assert named == set(SECTIONS)
