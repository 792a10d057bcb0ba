"""Responses to hostile requests, with the log output of each, and the assertions that hold for all of them."""

import contextlib
import io
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.builders import Context

PROMPT = "marked-prompt-5f1e"
ANSWER = "marked-answer-77ab"
PROVIDER_KEY = "sk-marked-provider-key-90c2"

CLIENT_ERRORS = frozenset({400, 401, 404, 413})
_ERROR = {"message", "type", "param", "code"}
_HEADER = re.compile(r"[\x20-\x7e]*")
_NOT_FOR_LOGS = (PROMPT, ANSWER, PROVIDER_KEY, "Traceback")


class LoggedResponse(NamedTuple):
    """A response, and the log output written for it."""

    status: int
    headers: dict[str, str]
    body: bytes
    logs: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The message of an error response."""
        message: str = self.json["error"]["message"]
        return message


class Functions:
    """Call the functions' handlers in this process."""

    def __init__(self, token: str, chat: Callable[..., Any], models: Callable[..., Any], log: io.StringIO) -> None:
        self.token = token
        self._chat = chat
        self._models = models
        self._log = log

    def chat(self, event: Any) -> LoggedResponse:
        return self._invoke(self._chat, event)

    def models(self, event: Any) -> LoggedResponse:
        return self._invoke(self._models, event)

    def _invoke(self, handler: Callable[..., Any], event: Any) -> LoggedResponse:
        self._log.seek(0)
        self._log.truncate()
        with contextlib.redirect_stdout(self._log), contextlib.redirect_stderr(self._log):
            response = json.loads(json.dumps(handler(event, Context()), allow_nan=False))
        assert response.keys() == {"statusCode", "headers", "body"}
        return LoggedResponse(
            response["statusCode"], response["headers"], response["body"].encode(), self._log.getvalue()
        )


def assert_well_formed(response: LoggedResponse) -> None:
    """Assert headers, error format and clean logs of any response."""
    assert all(_HEADER.fullmatch(value) for value in response.headers.values()), response.headers
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json"
    assert [mark for mark in _NOT_FOR_LOGS if mark in response.logs] == []
    if response.status != 200:
        error = response.json["error"]
        assert error.keys() == _ERROR
        assert all(isinstance(error[name], str) and error[name] for name in ("message", "type", "code")), error
        assert error["param"] is None or isinstance(error["param"], str)
        assert b"Traceback" not in response.body


def assert_success_or_client_error(response: LoggedResponse) -> None:
    """Assert that the response is a success or a 4xx error, and that no internal error was logged."""
    assert_well_formed(response)
    assert response.status == 200 or response.status in CLIENT_ERRORS, response
    assert "unhandled exception" not in response.logs
