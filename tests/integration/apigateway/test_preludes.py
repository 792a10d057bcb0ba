"""The prelude of a streamed response; an invalid one is a 502, as on a buffered route."""

from collections.abc import Iterator

import pytest

from tests.integration.apigateway.gateways import RunningGateway
from tests.integration.apigateway.raw_function import DELIMITER, HEAD, STREAMED, order, run_raw_function
from tests.integration.apigateway.scripted_function import wait_until


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with run_raw_function(tmp_path_factory.mktemp("gateway")) as started:
        yield started


LONGEST = '{"headers": {"x-a": "' + "a" * (16 * 1024 - 24 - 8) + '"}}'
MALFORMED = {
    "": "it ends before the delimiter of 8 NUL bytes",
    DELIMITER: "it is not JSON",
    '{"statusCode": 200}': "it ends before the delimiter of 8 NUL bytes",
    '{"statusCode": 200}' + DELIMITER[1:] + "payload": "it ends before the delimiter of 8 NUL bytes",
    "a" + LONGEST + DELIMITER: "the first 16 KB have no delimiter of 8 NUL bytes",
    "a" * 20_000: "the first 16 KB have no delimiter of 8 NUL bytes",
    "text" + DELIMITER: "it is not JSON",
    "[]" + DELIMITER: "it is not an object",
    '{"body": "whole"}' + DELIMITER: "it has unknown fields: body",
    '{"statusCode": "many"}' + DELIMITER: "statusCode is not a status",
    '{"statusCode": 103}' + DELIMITER: "statusCode is not a status",
    '{"headers": {"x-a": ["1", "2"]}}' + DELIMITER: "the header 'x-a' is not valid in HTTP",
    '{"multiValueHeaders": {"x-a": "1"}}' + DELIMITER: "multiValueHeaders has no list for 'x-a'",
    '{"cookies": "c"}' + DELIMITER: "its cookies are not a list",
    '{"cookies": [1]}' + DELIMITER: "the header 'set-cookie' is not valid in HTTP",
}


@pytest.mark.parametrize(("begun", "why"), MALFORMED.items(), ids=range(len(MALFORMED)))
def test_a_malformed_prelude_is_a_bad_gateway_with_its_cause_in_the_log(
    gateway: RunningGateway, begun: str, why: str
) -> None:
    earlier = len(gateway.log())
    refused = gateway.ask("/v1/stream", order(*[("send", begun)] if begun else []))

    assert (refused.status, refused.json["error"]["code"]) == (502, "gateway_failed")
    assert f"Raw: its response is malformed: {why}" in gateway.log()[earlier:]
    assert gateway.ask("/v1/stream", order(HEAD, ("send", "next"))).body == b"next"


def test_a_function_with_a_rejected_response_is_not_blocked(gateway: RunningGateway) -> None:
    refused = gateway.ask("/v1/stream", order(("send", "text" + DELIMITER), ("fill", 50), ("tell", "ended")))
    wait_until((gateway.folder / "ended").exists)

    assert refused.status == 502


def test_a_prelude_may_have_16_kilobytes(gateway: RunningGateway) -> None:
    answered = gateway.ask("/v1/stream", order(("send", LONGEST + DELIMITER), ("send", "payload")))

    assert (answered.status, answered.body) == (200, b"payload")


@pytest.mark.parametrize("missing", ["Lambda-Runtime-Function-Response-Mode", "Content-Type"])
def test_an_answer_that_is_not_posted_in_streaming_mode_is_a_bad_gateway(gateway: RunningGateway, missing: str) -> None:
    headers = {name: value for name, value in STREAMED.items() if name != missing}
    earlier = len(gateway.log())
    whole = gateway.ask("/v1/stream", order(("send", '{"statusCode": 200, "body": "b"}'), headers=headers))
    begun = gateway.ask("/v1/stream", order(HEAD, headers=headers))

    assert (whole.status, begun.status) == (502, 502)
    assert gateway.log()[earlier:].count("Raw: its response is buffered, but its route streams") == 2


def test_a_large_request_is_rejected_before_the_function_is_called(gateway: RunningGateway) -> None:
    assert gateway.ask("/v1/stream", b"x" * (6 * 1024 * 1024)).status == 413
