"""One front for the tests that only look at requests and answers."""

from collections.abc import Iterator

import pytest

from tests.integration.apigateway.gateways import Route, RunningFront, running, settings, template

ECHO = """
import json

def handle(event, context):
    return {"statusCode": 200, "body": json.dumps({"event": event, "request_id": context.aws_request_id})}
"""
SAID = """
import base64, json

def handle(event, context):
    "Answer with what the request's body says, word for word."
    return json.loads(event["body"])
"""


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFront]:
    api = template(
        [
            Route("/v1/echo", "Echo"),
            Route("/v1/models", "Echo", methods=("get",)),
            Route("/v1/models/{model+}", "Echo", methods=("get",)),
            Route("/v1/models/listed", "Said", methods=("get",)),
            Route("/v1/keys/{key}/use", "Echo", methods=("get",)),
            Route("/v1/said", "Said"),
        ]
    )
    folder = tmp_path_factory.mktemp("front")
    with running(folder, settings(folder, api, {"Echo": ECHO, "Said": SAID})) as started:
        yield started
