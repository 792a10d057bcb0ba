"""The document as it is committed, and how an answer is held against it."""

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from tests.contract.template import ROOT

Json = dict[str, Any]
Route = tuple[str, str]

FILE = ROOT / "docs/openapi.json"
CHAT, LIST, SHOW = ("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/v1/models/{model+}")
ROUTES = (CHAT, LIST, SHOW)
"""As the template has them; what takes slashes too has no sign of its own in OpenAPI."""
OF_HTTP = frozenset({"content-type", "content-length", "cache-control"})
"""Headers that no API describes."""


class Described:
    """A document and its parts."""

    def __init__(self, document: Json) -> None:
        self.document = document

    def response(self, route: Route, status: int | str) -> Json:
        """Return what a route may answer with a status, which may fall into a range."""
        responses = self.responses(route)
        found: Json = responses.get(str(status)) or responses[f"{str(status)[0]}XX"]
        return found

    def responses(self, route: Route) -> Json:
        """Return everything that a route may answer, by status."""
        method, path = route
        responses: Json = self.document["paths"][path.replace("+}", "}")][method.lower()]["responses"]
        return responses

    def codes(self, route: Route, status: str) -> list[str]:
        """Return the errors that a status may stand for."""
        _, own = self.responses(route)[status]["content"]["application/json"]["schema"]["allOf"]
        listed: list[str] = own["properties"]["error"]["properties"]["code"]["enum"]
        return listed

    def validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        """Return a validator of a part of the document, whose references lead into the whole."""
        return Draft202012Validator({**schema, "components": self.document["components"]})

    def hold(self, response: Json, headers: Mapping[str, str], body: Json) -> None:
        """Hold an answer against the response that describes it: no header more, none too few, and the body."""
        self.validator(response["content"]["application/json"]["schema"]).validate(body)
        self.hold_headers(response, headers)

    def hold_headers(self, response: Json, headers: Mapping[str, str]) -> None:
        """Hold an answer's headers against the response that describes it: none more, none too few."""
        own = {name for name in headers if not name.startswith(("access-control-", "x-amzn-"))} - OF_HTTP
        assert own <= response["headers"].keys()
        for name in response["headers"]:
            header = self.document["components"]["headers"][name]
            assert name in own or not header.get("required"), name
            if name in own:
                self.validator(header["schema"]).validate(headers[name])


def committed() -> Described:
    """Return docs/openapi.json."""
    return Described(json.loads(FILE.read_text(encoding="utf-8")))
