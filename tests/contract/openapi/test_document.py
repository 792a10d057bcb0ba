"""docs/openapi.json is valid and current, and describes exactly the routes, headers and errors of the API."""

import json

import openapi_spec_validator

from qwen_gateway.api import HTTP_ERRORS
from qwen_gateway_cli.local.apigateway.rest_api import parse_rest_api
from tests.contract.openapi.described import FILE, ROUTES, STORED_ROUTES, Described
from tests.contract.template import Template, find_functions, find_resource
from tools.openapi import format_document
from tools.openapi.document import OPERATIONS


def test_it_is_valid(described: Described) -> None:
    openapi_spec_validator.validate(described.document)


def test_it_is_current(template: Template) -> None:
    assert FILE.read_text(encoding="utf-8") == format_document(template), (
        "docs/openapi.json is stale: run `make openapi`"
    )


def test_its_routes_are_those_of_the_template(described: Described, template: Template) -> None:
    served = {
        (method.upper(), path)
        for path, methods in find_resource(template, "AWS::ApiGateway::RestApi")["Body"]["paths"].items()
        for method in methods.keys() - {"options", "head", "x-amazon-apigateway-any-method"}
    }
    documented = {(method.upper(), path) for path, methods in described.document["paths"].items() for method in methods}

    assert served == {*ROUTES, *STORED_ROUTES}
    assert documented == {(method, path.replace("+}", "}")) for method, path in served}


def test_its_headers_are_those_that_the_functions_expose(described: Described, template: Template) -> None:
    for function in find_functions(template).values():
        exposed = function["Environment"]["Variables"]["EXPOSED_HEADERS"].split(",")
        assert described.document["components"]["headers"].keys() == set(exposed)


def test_its_error_codes_are_those_of_the_table_and_of_api_gateway(described: Described, template: Template) -> None:
    configured = parse_rest_api(template, {}).gateway_responses.values()
    gateway_codes = {json.loads(each.template)["error"]["code"] for each in configured} - {"unknown_route"}

    for route in ROUTES:
        errors = OPERATIONS[route].errors
        function_codes = {error.code for kind, error in HTTP_ERRORS.items() if issubclass(kind, errors)}
        statuses = described.responses(route).keys() - {"200"}

        assert {
            code for status in statuses for code in described.codes(route, status)
        } == function_codes | gateway_codes
