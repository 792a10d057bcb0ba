"""The models service: listing and retrieving the models that clients may use."""

from typing import Any

import pytest

from models.service import ModelsService
from qwen_gateway import config
from qwen_gateway.api import HttpRequest
from qwen_gateway.errors import KeyMissing, KeyUnknown, ModelUnknown
from qwen_gateway.ledger import ApiKey
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.routing import Routes
from tests.builders import api_key, garbage_token

HEADERS = {"authorization": "Bearer sk-qg-x"}
OWN_CONFIGURATION = """{
  "default_provider": "mine",
  "providers": {"mine": {"base_url": "http://127.0.0.1:11434/v1"}},
  "routes": {"org/qwen-small": [{"model": "qwen:0.5b"}], "qwen-max": [{"model": "qwen4-max", "provider": "dashscope"}],
             "qwen-plus": null, "qwen-turbo": null}
}"""
WITHOUT_LIMITS = {"qwen3.8-max-prime", "qwen3.6-flash", "qwen3.5-flash"}


class FakeApiKeys:
    """Fake that accepts every token except the garbage token."""

    def __init__(self) -> None:
        self.calls = 0

    def authenticate(self, token_text: str, _now: float) -> ApiKey:
        self.calls += 1
        if token_text == garbage_token():
            raise KeyUnknown("x")
        return api_key()


def make_service(overrides: str = "") -> ModelsService:
    return ModelsService(FakeApiKeys(), Routes(config.parse(overrides)))


def list_models(service: ModelsService, headers: dict[str, str] = HEADERS) -> Any:
    return service.list(HttpRequest(RequestIds("req_1"), headers, b"")).body


def retrieve(service: ModelsService, name: str, headers: dict[str, str] = HEADERS) -> Any:
    return service.retrieve(HttpRequest(RequestIds("req_1"), headers, b""), name).body


def test_every_route_is_listed_once_with_openais_fields_and_its_limits() -> None:
    listed = list_models(make_service())

    assert listed["object"] == "list"
    names = [model["id"] for model in listed["data"]]
    assert names == list(Routes(config.parse("")).models())
    assert not any("*" in name for name in names)
    assert len(names) == len(set(names))
    for model in listed["data"]:
        if model["id"].startswith("text-embedding"):
            assert (model["context_length"], model["dimensions"][0]) == (8_192, 1_024)
            continue
        limits = set() if model["id"] in WITHOUT_LIMITS else {"context_length", "max_output_tokens"}
        assert model.keys() == {"id", "object", "created", "owned_by"} | limits
        assert (model["object"], model["owned_by"]) == ("model", "qwen")
        assert model["created"] > 1_700_000_000
        if limits:
            assert model["context_length"] > model["max_output_tokens"] > 0


def test_an_alias_has_the_limits_of_its_first_target() -> None:
    own = make_service()

    assert retrieve(own, "qwen-max") == {**retrieve(own, "qwen4-max"), "id": "qwen-max"}


def test_a_model_outside_the_catalog_is_listed_without_limits() -> None:
    listed = {model["id"]: model for model in list_models(make_service(OWN_CONFIGURATION))["data"]}

    assert listed.keys() == {"qwen-max", "org/qwen-small"}
    assert listed["qwen-max"]["max_output_tokens"] == 393_000
    assert listed["org/qwen-small"] == {
        "id": "org/qwen-small",
        "object": "model",
        "created": 0,
        "owned_by": "mine",
    }


def test_a_retrieved_model_equals_its_list_entry() -> None:
    own = make_service(OWN_CONFIGURATION)

    assert [retrieve(own, model["id"]) for model in list_models(own)["data"]] == list_models(own)["data"]


def test_an_unknown_model_is_named_in_the_error() -> None:
    with pytest.raises(ModelUnknown, match="gpt-4o") as refused:
        retrieve(make_service(), "gpt-4o")

    assert refused.value.param == "model"


def test_a_long_model_name_is_truncated_in_the_error() -> None:
    with pytest.raises(ModelUnknown) as refused:
        retrieve(make_service(), "x" * 100_000)

    assert len(refused.value.message) < 250


def test_listing_and_retrieving_require_an_api_key() -> None:
    for headers, failure in (({}, KeyMissing), ({"authorization": f"Bearer {garbage_token()}"}, KeyUnknown)):
        with pytest.raises(failure):
            list_models(make_service(), headers)
        with pytest.raises(failure):
            retrieve(make_service(), "gpt-4o", headers)
