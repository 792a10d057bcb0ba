"""One API Gateway emulation for the tests of requests and responses."""

from collections.abc import Iterator

import pytest

from tests.integration.apigateway.gateways import Route, RunningGateway, run_gateway, settings, template

ECHO = """
import json

def handle(event, context):
    return {"statusCode": 200, "body": json.dumps({"event": event, "request_id": context.aws_request_id})}
"""
VERBATIM = """
import base64, json

def handle(event, context):
    "Return the request's body as the response."
    return json.loads(event["body"])
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    api = template(
        [
            Route("/v1/echo", "Echo"),
            Route("/v1/models", "Echo", methods=("get",)),
            Route("/v1/models/{model+}", "Echo", methods=("get",)),
            Route("/v1/models/listed", "Verbatim", methods=("get",)),
            Route("/v1/keys/{key}/use", "Echo", methods=("get",)),
            Route("/v1/verbatim", "Verbatim"),
        ]
    )
    folder = tmp_path_factory.mktemp("gateway")
    with run_gateway(folder, settings(folder, api, {"Echo": ECHO, "Verbatim": VERBATIM})) as started:
        yield started
