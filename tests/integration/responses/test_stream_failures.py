"""Every row of `tests.failures.response_streams` over real HTTP: the stream, the fallback, the record."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple, cast

import pytest

from qwen_gateway.api import HTTP_ERRORS
from tests.builders import responses_request
from tests.builders.responses import whole_response
from tests.failures.response_streams import ROWS
from tests.failures.streams import MARKED, Row, Variant
from tests.integration.chat.conftest import LONG_TIMEOUTS, PROVIDER_KEY, Gateway, MakeGateway
from tests.integration.chat.fake_provider import (
    Behaviour,
    FakeProvider,
    close,
    drip,
    end_body,
    hang,
    reset,
    respond_in_parts,
    respond_with,
    run_fake_provider,
    sse_response,
)
from tests.stream_response import ResponseEvents

ENDS: dict[str, Behaviour] = {"ends": end_body, "closes": close, "resets": reset, "hangs": hang, "drips": drip}
ERRORS = {error.code: error for error in HTTP_ERRORS.values()}
LAST = ("response.completed", "response.incomplete")
FIRST = {"model": "qwen-plus"}
SECOND = {"model": "qwen-flash", "provider": "holysheep"}
DEADLINE_S = 28.0
ALL_VARIANTS = [
    pytest.param(row, variant, id=f"{row.behaviour}: {variant.description}") for row in ROWS for variant in row.variants
]


class StreamEnvironment(NamedTuple):
    """A gateway whose first target behaves as a variant describes, and whose second target answers."""

    gateway: Gateway
    second: FakeProvider

    def call(self) -> ResponseEvents:
        return self.gateway.stream_response(responses_request(model="route", input=MARKED), seconds=DEADLINE_S)


type CreateEnvironment = Callable[..., StreamEnvironment]


@pytest.fixture
def create_env(make_gateway: MakeGateway) -> Iterator[CreateEnvironment]:
    with ExitStack() as fake_providers:

        def create(variant: Variant, *targets: dict[str, str]) -> StreamEnvironment:
            first = fake_providers.enter_context(
                run_fake_provider(respond_in_parts(variant.head, variant.parts, ENDS[variant.end]))
            )
            second = fake_providers.enter_context(
                run_fake_provider(respond_with(sse_response(whole_response("The second."))))
            )
            more = {
                "providers": {"holysheep": {"base_url": f"{second.url}/v1", "endpoints": ["responses"]}},
                "routes": {"route": targets},
                "timeouts": LONG_TIMEOUTS | dict(variant.limits),
            }
            gateway = make_gateway(first.url, len(targets), more)
            gateway.aws.store_provider_keys(dashscope=PROVIDER_KEY, holysheep=PROVIDER_KEY)
            return StreamEnvironment(gateway, second)

        yield create


@pytest.mark.parametrize(("row", "variant"), ALL_VARIANTS)
def test_a_stream_has_the_effects_of_its_row(
    create_env: CreateEnvironment, capsys: pytest.CaptureFixture[str], row: Row, variant: Variant
) -> None:
    env = create_env(variant, FIRST)

    response = env.call()

    assert response.status == row.status
    assert response.headers["x-gateway-attempts"] == "1"
    if not row.fails_before_output:
        assert response.text == variant.text
    if row.code:
        assert_failed(response, row)
    else:
        assert response.is_complete
        assert sum(each in LAST for each in response.names) == 1
    (record,) = env.gateway.records()
    assert (record["endpoint"], record["streamed"]) == ("responses", True)
    assert (record["status"], record["outcome"]) == (row.status, row.code or "answered")
    tokens = (12, 3) if row.tokens and not row.code else (None, None)
    assert (record.get("tokens_in"), record.get("tokens_out")) == tokens
    assert [read_attempt(attempt) for attempt in record["attempts"]] == [
        (row.recorded_cause, variant.http, row.charged)
    ]
    output = capsys.readouterr()
    assert MARKED not in output.out + output.err + str(record)


@pytest.mark.parametrize(
    ("row", "variant"), [each for each in ALL_VARIANTS if cast("Row", each.values[0]).fails_before_output]
)
def test_a_failure_before_the_first_output_falls_back_unless_it_is_final(
    create_env: CreateEnvironment, row: Row, variant: Variant
) -> None:
    env = create_env(variant, FIRST, SECOND)

    response = env.call()

    attempts = [read_attempt(attempt) for attempt in env.gateway.records()[0]["attempts"]]
    failed = (row.recorded_cause, variant.http, row.charged)
    if row.is_final:
        assert (response.status, response.error["code"], attempts) == (row.status, row.code, [failed])
        assert env.second.requests == []
    else:
        assert (response.text, response.is_complete) == ("The second.", True)
        assert (response.headers["x-gateway-provider"], response.headers["x-gateway-attempts"]) == ("holysheep", "2")
        assert attempts == [failed, (None, 200, "billed")]


@pytest.mark.parametrize(
    ("row", "variant"), [each for each in ALL_VARIANTS if not cast("Row", each.values[0]).fails_before_output]
)
def test_after_the_first_output_no_other_target_is_called(
    create_env: CreateEnvironment, row: Row, variant: Variant
) -> None:
    env = create_env(variant, FIRST, SECOND)

    response = env.call()

    assert (response.status, response.text) == (200, variant.text)
    assert env.second.requests == []


def assert_failed(response: ResponseEvents, row: Row) -> None:
    """Check the error: an object with the code of the cause, and in a stream the same fields at the top, too."""
    error = response.error
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == (ERRORS[row.code].type, row.code)
    if not row.fails_before_output:
        name, event = response.events[-1]
        number = event["sequence_number"]
        assert (name, event) == ("error", {**error, "type": "error", "sequence_number": number, "error": error})
        assert number > 0
        assert not set(LAST) & set(response.names)


def read_attempt(attempt: dict[str, Any]) -> tuple[str | None, int | None, str]:
    return attempt.get("cause"), attempt.get("http_status"), attempt["charged"]
