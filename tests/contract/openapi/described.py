"""The committed document, and a check of responses against it."""

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from tests.contract.template import ROOT

Json = dict[str, Any]
Route = tuple[str, str]

FILE = ROOT / "docs/openapi.json"
CHAT, LIST, SHOW = ("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/v1/models/{model+}")
EMBED, MESSAGE, COUNT = ("POST", "/v1/embeddings"), ("POST", "/v1/messages"), ("POST", "/v1/messages/count_tokens")
USAGE = ("GET", "/v1/usage")
RESPOND, STORED = ("POST", "/v1/responses"), "/v1/responses/{response_id}"
READ, DELETE, LIST_INPUT = ("GET", STORED), ("DELETE", STORED), ("GET", f"{STORED}/input_items")
ROUTES = (CHAT, EMBED, RESPOND, MESSAGE, COUNT, LIST, SHOW, USAGE)
STORED_ROUTES = (READ, DELETE, LIST_INPUT)
"""The paths of the template. OpenAPI has no notation for a parameter that may contain slashes."""
HTTP_HEADERS = frozenset({"content-type", "content-length", "cache-control"})
"""Headers that the document does not describe."""


class Described:
    """A document and its parts."""

    def __init__(self, document: Json) -> None:
        self.document = document

    def response(self, route: Route, status: int | str) -> Json:
        """Return the response of a route with a status, or with the range of the status."""
        responses = self.responses(route)
        found: Json = responses.get(str(status)) or responses[f"{str(status)[0]}XX"]
        return found

    def responses(self, route: Route) -> Json:
        """Return the responses of a route by status."""
        method, path = route
        responses: Json = self.document["paths"][path.replace("+}", "}")][method.lower()]["responses"]
        return responses

    def codes(self, route: Route, status: str) -> list[str]:
        """Return the error codes of a status."""
        _, own = self.responses(route)[status]["content"]["application/json"]["schema"]["allOf"]
        listed: list[str] = own["properties"]["error"]["properties"]["code"]["enum"]
        return listed

    def validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        """Return a validator of a schema that may refer to the document's components."""
        return Draft202012Validator({**schema, "components": self.document["components"]})

    def check(self, response: Json, headers: Mapping[str, str], body: Json) -> None:
        """Check a response against its description: the body and exactly the described headers."""
        self.validator(response["content"]["application/json"]["schema"]).validate(body)
        self.check_headers(response, headers)

    def check_headers(self, response: Json, headers: Mapping[str, str]) -> None:
        """Check that a response has every required header, and no header without a description."""
        own = {name for name in headers if not name.startswith(("access-control-", "x-amzn-"))} - HTTP_HEADERS
        assert own <= response["headers"].keys()
        for name in response["headers"]:
            header = self.document["components"]["headers"][name]
            assert name in own or not header.get("required"), name
            if name in own:
                self.validator(header["schema"]).validate(headers[name])


def committed() -> Described:
    """Return docs/openapi.json."""
    return Described(json.loads(FILE.read_text(encoding="utf-8")))
