"""docs/openapi.json is valid, fresh, and names what is served and nothing else."""

import json

import openapi_spec_validator

from qwen_gateway.api import HTTP_ERRORS
from qwen_gateway.api.responses import EXPOSED_HEADERS
from tests.contract.openapi.described import FILE, ROUTES, Described
from tests.contract.template import Template, find_resource
from tools.openapi import format_document
from tools.openapi.operations import OPERATIONS


def test_it_is_valid(described: Described) -> None:
    openapi_spec_validator.validate(described.document)


def test_it_is_what_the_code_makes(template: Template) -> None:
    assert FILE.read_text(encoding="utf-8") == format_document(template), (
        "docs/openapi.json is stale: run `make openapi`"
    )


def test_its_routes_are_the_templates(described: Described, template: Template) -> None:
    served = {
        (method.upper(), path)
        for path, methods in find_resource(template, "AWS::ApiGateway::RestApi")["Body"]["paths"].items()
        for method in methods.keys() - {"options"}
    }
    documented = {(method.upper(), path) for path, methods in described.document["paths"].items() for method in methods}

    assert served == set(ROUTES)
    assert documented == {(method, path.replace("+}", "}")) for method, path in served}


def test_its_headers_are_those_that_the_code_exposes(described: Described) -> None:
    assert described.document["components"]["headers"].keys() == {name.strip() for name in EXPOSED_HEADERS.split(",")}


def test_every_code_that_is_described_is_one_that_is_told(described: Described, template: Template) -> None:
    worded = find_resource(template, "AWS::ApiGateway::RestApi")["Body"][
        "x-amazon-apigateway-gateway-responses"
    ].values()
    bodies = [
        each["responseTemplates"]["application/json"].replace("$context.error.messageString", '""') for each in worded
    ]
    by_the_edge = {json.loads(body)["error"]["code"] for body in bodies} - {"unknown_route"}

    for route in ROUTES:
        failures = OPERATIONS[route].errors
        told = {answer.code for kind, answer in HTTP_ERRORS.items() if issubclass(kind, failures)}
        statuses = described.responses(route).keys() - {"200"}

        assert {code for status in statuses for code in described.codes(route, status)} == told | by_the_edge
