"""Every row of the stream tables over real HTTP, in each variant: the stream, the fallback, the record."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

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
from tests.integration.stream_failures.dialects import DIALECTS, Dialect

ENDS: dict[str, Behaviour] = {"ends": end_body, "closes": close, "resets": reset, "hangs": hang, "drips": drip}
FIRST = {"model": "qwen-plus"}
SECOND = {"model": "qwen-flash", "provider": "holysheep"}


class StreamEnvironment(NamedTuple):
    """A gateway whose first target behaves as a variant describes, and whose second target answers."""

    gateway: Gateway
    second: FakeProvider


type CreateEnvironment = Callable[..., StreamEnvironment]


def list_cases(select: Callable[[Row], bool] = lambda _: True) -> list[Any]:
    """Return the variants of the selected rows of every endpoint."""
    return [
        pytest.param(dialect, row, variant, id=f"{dialect.endpoint}: {row.behaviour}: {variant.description}")
        for dialect in DIALECTS
        for row in dialect.rows
        if select(row)
        for variant in row.variants
    ]


@pytest.fixture
def create_env(make_gateway: MakeGateway) -> Iterator[CreateEnvironment]:
    with ExitStack() as fake_providers:

        def create(dialect: Dialect, variant: Variant, *targets: dict[str, str]) -> StreamEnvironment:
            first = fake_providers.enter_context(
                run_fake_provider(respond_in_parts(variant.head, variant.parts, ENDS[variant.end]))
            )
            second = fake_providers.enter_context(
                run_fake_provider(respond_with(sse_response(dialect.whole("The second."))))
            )
            more = {
                "providers": {"holysheep": dialect.provider(second.url)},
                "routes": {"route": targets},
                "timeouts": LONG_TIMEOUTS | dict(variant.limits),
            }
            gateway = make_gateway(first.url, len(targets), more)
            gateway.aws.store_provider_keys(dashscope=PROVIDER_KEY, holysheep=PROVIDER_KEY)
            return StreamEnvironment(gateway, second)

        yield create


@pytest.mark.parametrize(("dialect", "row", "variant"), list_cases())
def test_a_stream_has_the_effects_of_its_row(
    create_env: CreateEnvironment, capsys: pytest.CaptureFixture[str], dialect: Dialect, row: Row, variant: Variant
) -> None:
    env = create_env(dialect, variant, FIRST)

    response = dialect.call(env.gateway, variant)

    assert response.status == row.status
    assert response.headers["x-gateway-attempts"] == "1"
    if not row.fails_before_output:
        assert dialect.text(response) == variant.text
    if row.code:
        assert response.error.keys() == {"message", "type", "param", "code"}
        assert response.error["code"] == row.code
        dialect.check_failed(response, row, variant)
    else:
        assert dialect.is_complete(response)
        dialect.check_answered(response, row, variant)
    (record,) = env.gateway.records()
    assert (record["endpoint"], record["streamed"]) == (dialect.endpoint, True)
    assert (record["status"], record["outcome"]) == (row.status, row.code or "answered")
    tokens = (12, 3) if row.tokens and not row.code else (None, None)
    assert (record.get("tokens_in"), record.get("tokens_out")) == tokens
    assert [read_attempt(attempt) for attempt in record["attempts"]] == [
        (row.recorded_cause, variant.http, row.charged)
    ]
    output = capsys.readouterr()
    assert MARKED not in output.out + output.err + str(record)
    if row.code:
        assert f'"{row.code}":1,' in output.out.replace(" ", ""), "no metric counts the error"


@pytest.mark.parametrize(("dialect", "row", "variant"), list_cases(lambda row: row.fails_before_output))
def test_a_failure_before_the_first_output_falls_back_unless_it_is_final(
    create_env: CreateEnvironment, dialect: Dialect, row: Row, variant: Variant
) -> None:
    env = create_env(dialect, variant, FIRST, SECOND)

    response = dialect.call(env.gateway, variant)

    attempts = [read_attempt(attempt) for attempt in env.gateway.record(response)["attempts"]]
    failed = (row.recorded_cause, variant.http, row.charged)
    if row.is_final:
        assert (response.status, response.error["code"], attempts) == (row.status, row.code, [failed])
        assert env.second.requests == []
    else:
        assert (dialect.text(response), dialect.is_complete(response)) == ("The second.", True)
        assert (response.headers["x-gateway-provider"], response.headers["x-gateway-attempts"]) == ("holysheep", "2")
        assert attempts == [failed, (None, 200, "billed")]


@pytest.mark.parametrize(("dialect", "row", "variant"), list_cases(lambda row: not row.fails_before_output))
def test_after_the_first_output_no_other_target_is_called(
    create_env: CreateEnvironment, dialect: Dialect, row: Row, variant: Variant
) -> None:
    env = create_env(dialect, variant, FIRST, SECOND)

    response = dialect.call(env.gateway, variant)

    assert (response.status, dialect.text(response)) == (200, variant.text)
    assert env.second.requests == []


def read_attempt(attempt: dict[str, Any]) -> tuple[str | None, int | None, str]:
    return attempt.get("cause"), attempt.get("http_status"), attempt["charged"]
