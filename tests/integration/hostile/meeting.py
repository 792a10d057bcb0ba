"""The gateway as a hostile caller meets it, and what has to hold for whatever he is answered."""

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

BLAMED_ON_THE_CALLER = frozenset({400, 401, 404, 413})
_ERROR = {"message", "type", "param", "code"}
_HEADER = re.compile(r"[\x20-\x7e]*")
_NOT_FOR_LOGS = (PROMPT, ANSWER, PROVIDER_KEY, "Traceback")


class Answer(NamedTuple):
    """What a caller got, and what was written meanwhile."""

    status: int
    headers: dict[str, str]
    body: bytes
    written: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The words of a refusal."""
        message: str = self.json["error"]["message"]
        return message


class Functions:
    """The functions' handlers, called in this process."""

    def __init__(self, token: str, chat: Callable[..., Any], models: Callable[..., Any], log: io.StringIO) -> None:
        self.token = token
        self._chat = chat
        self._models = models
        self._log = log

    def chat(self, event: Any) -> Answer:
        return self._answer(self._chat, event)

    def models(self, event: Any) -> Answer:
        return self._answer(self._models, event)

    def _answer(self, handler: Callable[..., Any], event: Any) -> Answer:
        self._log.seek(0)
        self._log.truncate()
        with contextlib.redirect_stdout(self._log), contextlib.redirect_stderr(self._log):
            answer = json.loads(json.dumps(handler(event, Context()), allow_nan=False))
        assert answer.keys() == {"statusCode", "headers", "body"}
        return Answer(answer["statusCode"], answer["headers"], answer["body"].encode(), self._log.getvalue())


def holds(answer: Answer) -> None:
    """Hold an answer to what holds for every one, whoever is to blame for it."""
    assert all(_HEADER.fullmatch(value) for value in answer.headers.values()), answer.headers
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    assert [mark for mark in _NOT_FOR_LOGS if mark in answer.written] == []
    if answer.status != 200:
        error = answer.json["error"]
        assert error.keys() == _ERROR
        assert all(isinstance(error[name], str) and error[name] for name in ("message", "type", "code")), error
        assert error["param"] is None or isinstance(error["param"], str)
        assert b"Traceback" not in answer.body


def holds_and_is_nobodys_fault_but_the_callers(answer: Answer) -> None:
    """Hold an answer to being good, or a refusal of what the caller sent."""
    holds(answer)
    assert answer.status == 200 or answer.status in BLAMED_ON_THE_CALLER, answer
    assert "unhandled exception" not in answer.written
