"""Size limits of API Gateway and Lambda; a rejected client stays connected."""

from collections.abc import Iterator

import pytest

from tests.integration.apigateway.gateways import RunningGateway, reply

MIB = 1024 * 1024
TOO_LARGE = {"message": "Request Too Long"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x" * (10 * MIB + 1), id="above what API Gateway takes"),
        pytest.param(b"x" * (6 * MIB), id="above what Lambda takes"),
        pytest.param(b'"' * (3 * MIB), id="above what Lambda takes once it is escaped"),
        pytest.param(b"\xff" * (5 * MIB), id="above what Lambda takes once it is base64"),
    ],
)
def test_a_large_body_is_rejected_and_the_connection_stays_open(gateway: RunningGateway, body: bytes) -> None:
    connection = gateway.connection()
    connection.request("POST", "/v1/echo", body)
    refused = reply(connection)
    connection.request("POST", "/v1/echo", b"small")
    answered = reply(connection)
    connection.close()

    assert (refused.status, refused.json) == (413, TOO_LARGE)
    assert answered.json["event"]["body"] == "small"


def test_a_body_in_chunks_is_read_to_its_end_before_it_is_rejected(gateway: RunningGateway) -> None:
    def chunks() -> Iterator[bytes]:
        yield from [b"x" * MIB] * 20

    connection = gateway.connection()
    connection.request("POST", "/v1/echo", chunks(), encode_chunked=True, headers={"transfer-encoding": "chunked"})
    refused = reply(connection)
    connection.close()

    assert refused.status == 413


def test_a_body_that_just_fits_reaches_the_function(gateway: RunningGateway) -> None:
    assert gateway.ask("/v1/verbatim", b'{"body": "fits"}'.ljust(6 * MIB - 4096)).body == b"fits"
