"""The models that clients may name."""

import pytest

from models.service import ModelsService
from qwen_gateway import config
from qwen_gateway.errors import KeyMissing, KeyUnknown, ModelUnknown
from qwen_gateway.ledger import ApiKey
from qwen_gateway.routing import Routes
from tests.builders import api_key, garbage_token

HEADERS = {"authorization": "Bearer t"}
OWN = """{
  "default_provider": "mine",
  "providers": {"mine": {"base_url": "http://127.0.0.1:11434/v1"}},
  "routes": {"org/qwen-small": [{"model": "qwen:0.5b"}], "qwen-max": [{"model": "qwen3-max", "provider": "dashscope"}],
             "qwen-plus": null, "qwen-turbo": null}
}"""


class Keys:
    """Lets everybody in but garbage."""

    def __init__(self) -> None:
        self.asked = 0

    def authenticate(self, token_text: str, _now: float) -> ApiKey:
        self.asked += 1
        if token_text == garbage_token():
            raise KeyUnknown("x")
        return api_key()


def service(overrides: str = "") -> ModelsService:
    return ModelsService(Keys(), Routes(config.parse(overrides)))


def test_every_route_is_listed_once_with_openais_fields_and_its_limits() -> None:
    listed = service().list(HEADERS)

    assert listed["object"] == "list"
    names = [model["id"] for model in listed["data"]]
    assert names == list(Routes(config.parse("")).all())
    assert len(names) == len(set(names))
    for model in listed["data"]:
        assert model.keys() == {"id", "object", "created", "owned_by", "context_length", "max_output_tokens"}
        assert (model["object"], model["owned_by"]) == ("model", "qwen")
        assert model["created"] > 1_700_000_000
        assert model["context_length"] > model["max_output_tokens"] > 0


def test_an_alias_has_the_limits_of_its_first_target() -> None:
    own = service()

    assert own.retrieve(HEADERS, "qwen-max") == {**own.retrieve(HEADERS, "qwen3-max"), "id": "qwen-max"}


def test_a_model_that_no_catalog_knows_is_listed_without_limits() -> None:
    listed = {model["id"]: model for model in service(OWN).list(HEADERS)["data"]}

    assert listed.keys() == {"qwen-max", "org/qwen-small"}
    assert listed["qwen-max"]["max_output_tokens"] == 65_536
    assert listed["org/qwen-small"] == {
        "id": "org/qwen-small",
        "object": "model",
        "created": 0,
        "owned_by": "mine",
        "context_length": None,
        "max_output_tokens": None,
    }


def test_one_model_reads_as_in_the_list() -> None:
    own = service(OWN)

    assert [own.retrieve(HEADERS, model["id"]) for model in own.list(HEADERS)["data"]] == own.list(HEADERS)["data"]


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ModelUnknown, match="gpt-4o") as refused:
        service().retrieve(HEADERS, "gpt-4o")

    assert refused.value.param == "model"


def test_a_name_without_end_is_not_echoed_whole() -> None:
    with pytest.raises(ModelUnknown) as refused:
        service().retrieve(HEADERS, "x" * 100_000)

    assert len(refused.value.message) < 250


def test_both_need_a_key_before_anything_is_told() -> None:
    for headers, failure in (({}, KeyMissing), ({"authorization": f"Bearer {garbage_token()}"}, KeyUnknown)):
        with pytest.raises(failure):
            service().list(headers)
        with pytest.raises(failure):
            service().retrieve(headers, "gpt-4o")
