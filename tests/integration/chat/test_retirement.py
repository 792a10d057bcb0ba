"""Models near their retirement: response headers, the metric, and the model that is called after the date."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urljoin

import pytest

from qwen_gateway import catalog
from qwen_gateway.catalog import Retirement
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request
from tests.integration.chat.conftest import Gateway, MakeGateway

RETIRED = cast("Retirement", catalog.section("dashscope-intl")["qwen3-max"].retirement).date
EXPECTED = {
    "deprecation": "@1788969600",
    "sunset": "Fri, 09 Oct 2026 16:00:00 GMT",
    "link": '<../models/qwen3.7-max>; rel="successor-version"',
}
METRIC = '"model_retires_soon":1,'
ROUTES = {
    "pair": [{"model": "qwen3-max"}, {"model": "qwen-flash"}],
    "last": [{"model": "qwq-plus"}, {"model": "qwen3-max"}],
    "alone": [{"model": "qwq-plus"}],
}


@pytest.fixture
def served(provider: RunningMockQwen) -> RunningMockQwen:
    """The mock Qwen, which serves the retired models too."""
    provider.control({"models": ["qwen3-max", "qwq-plus", "qwen-flash"]})
    return provider


def at(days: float, make_gateway: MakeGateway, served: RunningMockQwen) -> Gateway:
    return make_gateway(served.url, attempts=2, more={"routes": ROUTES}, now=RETIRED + timedelta(days=days))


def retirement_headers(headers: dict[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in EXPECTED if name in headers}


def count_metric(capsys: pytest.CaptureFixture[str]) -> int:
    return capsys.readouterr().out.replace(" ", "").count(METRIC)


@pytest.mark.parametrize("days", [-29.9, -1, 1])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_of_a_model_near_its_retirement_announces_it(
    make_gateway: MakeGateway, served: RunningMockQwen, capsys: pytest.CaptureFixture[str], days: float, *, stream: bool
) -> None:
    gateway = at(days, make_gateway, served)
    request = chat_request(model="last" if days > 0 else "pair")

    headers = gateway.stream(request).headers if stream else gateway.chat(request).headers

    assert headers["x-gateway-model"] == "qwen3-max"
    assert retirement_headers(headers) == EXPECTED
    assert count_metric(capsys) == 1


def test_the_formats_are_those_of_their_standards() -> None:
    sunset = parsedate_to_datetime(EXPECTED["sunset"])

    assert sunset == RETIRED
    assert int(EXPECTED["deprecation"].removeprefix("@")) == int((RETIRED - timedelta(days=30)).timestamp())
    link = EXPECTED["link"].partition(">")[0].removeprefix("<")
    assert urljoin("https://x.example/api/v1/chat/completions", link) == "https://x.example/api/v1/models/qwen3.7-max"


@pytest.mark.parametrize(("days", "fields"), [(-31, {}), (1, {}), (-1, {"messages": []})])
def test_without_an_answer_of_such_a_model_nothing_is_announced(
    make_gateway: MakeGateway,
    served: RunningMockQwen,
    capsys: pytest.CaptureFixture[str],
    days: float,
    fields: dict[str, Any],
) -> None:
    answer = at(days, make_gateway, served).chat(chat_request(model="pair", **fields))

    assert retirement_headers(answer.headers) == {}
    assert count_metric(capsys) == 0


def test_an_error_of_such_a_model_announces_nothing(
    make_gateway: MakeGateway, served: RunningMockQwen, capsys: pytest.CaptureFixture[str]
) -> None:
    served.control({"faults": [{"status": 400, "code": "invalid_parameter_error", "times": 9}]})

    answer = at(-1, make_gateway, served).chat(chat_request(model="pair"))

    assert (answer.status, retirement_headers(answer.headers), count_metric(capsys)) == (400, {}, 0)


def test_a_model_without_a_successor_has_no_link(make_gateway: MakeGateway, served: RunningMockQwen) -> None:
    answer = at(1, make_gateway, served).chat(chat_request(model="alone"))

    assert (answer.status, answer.headers["x-gateway-model"]) == (200, "qwq-plus")
    assert retirement_headers(answer.headers).keys() == {"deprecation", "sunset"}


def test_after_the_date_the_next_target_is_called(make_gateway: MakeGateway, served: RunningMockQwen) -> None:
    for days, model in ((-1, "qwen3-max"), (1, "qwen-flash")):
        assert at(days, make_gateway, served).chat(chat_request(model="pair")).headers["x-gateway-model"] == model


def test_a_retired_model_is_unknown_and_its_successor_is_named(
    make_gateway: MakeGateway, served: RunningMockQwen
) -> None:
    gateway = at(1, make_gateway, served)

    for answer in (gateway.chat(chat_request(model="qwen3-max")), gateway.models("qwen3-max")):
        assert answer.status == 404
        assert "Its successor is 'qwen3.7-max'." in answer.body["error"]["message"]
    listed = [model["id"] for model in gateway.models().body["data"]]
    assert {"pair", "last", "alone"} <= set(listed)
    assert "qwen3-max" not in listed
    assert served.calls() == []


def test_an_alias_does_not_think_unless_asked(gateway: Gateway, provider: RunningMockQwen) -> None:
    asked = ({"enable_thinking": True}, {"reasoning_effort": "low"}, {"thinking": {"type": "enabled"}})
    quiet = gateway.chat(chat_request(model="qwen-max")).body["choices"][0]["message"]
    thoughtful = [gateway.chat(chat_request(model="qwen-max", **each)).body["choices"][0]["message"] for each in asked]
    own_name = gateway.chat(chat_request(model="qwen4-max")).body["choices"][0]["message"]

    assert "reasoning_content" not in quiet
    assert all(message["reasoning_content"] for message in (*thoughtful, own_name))
    assert provider.calls()[0]["body"]["enable_thinking"] is False
    assert {call["model"] for call in provider.calls()} == {"qwen4-max"}
