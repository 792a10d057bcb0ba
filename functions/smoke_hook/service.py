"""The checks of the smoke test, over the API's own URL, as a client sees it."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, Protocol

import httpx2

from qwen_gateway.ledger.administration import IssuedKey
from qwen_gateway.observability import report

KEY_NAME = "smoke-hook"
KEY_LIFETIME_S = 3600
"""If the function is killed before it deletes its key, the key expires after this time."""
CHAT_TIMEOUT_S = 60
ATTEMPTS = 2
PAUSE_S = 5.0
"""A check that fails is repeated once, because one lost connection is no reason to undo a release."""
PREFERRED_MODEL = "qwen-turbo"
"""The cheapest route of the delivered configuration."""
NOT_CAUSED_BY_A_RELEASE = frozenset(
    {"provider_not_configured", "provider_out_of_credit", "provider_throttled", "provider_overloaded"}
)
"""Codes of chat errors that prove nothing about the release: no key is stored yet, or the provider has no capacity."""

_CODE = re.compile(r"[a-z_]{1,64}")

type Outcome = Literal["passed", "failed", "unproven"]


class Result(NamedTuple):
    """The outcome of a check. The detail is never text of a model or a provider."""

    check: str
    outcome: Outcome
    detail: str = ""


class CheckFailed(Exception):
    """The API does not respond as it must."""


class NotProven(Exception):
    """The call failed for a reason that no release causes."""


class Keys(Protocol):
    """The owner's operations on API keys."""

    def create(self, name: str, now: float, expires: int | None = None) -> IssuedKey:
        """Create a key."""
        ...

    def delete(self, key_id: str) -> None:
        """Delete a key."""
        ...


class SmokeTest:
    """Checks an API through a client whose base URL ends in /v1."""

    def __init__(self, http: httpx2.Client, keys: Keys, pause: Callable[[float], object] = time.sleep) -> None:
        self._http = http
        self._keys = keys
        self._pause = pause

    def run(self) -> list[Result]:
        """Run every check, with a key that exists only meanwhile."""
        with self._temporary_key() as token:
            checks: dict[str, Callable[[], object]] = {
                "no key": lambda: self._check_error("GET", "models", None, 401, "missing_api_key"),
                "garbage key": lambda: self._check_error("GET", "models", "garbage", 401, "invalid_api_key"),
                "unknown route": lambda: self._check_error("POST", "unknown", token, 404, "unknown_route"),
                "model list": lambda: self._list_models(token),
                "streamed chat": lambda: self._check_stream(token),
            }
            return [self._run_check(name, check) for name, check in checks.items()]

    @contextmanager
    def _temporary_key(self) -> Iterator[str]:
        now = time.time()
        issued = self._keys.create(KEY_NAME, now, int(now) + KEY_LIFETIME_S)
        try:
            yield issued.token
        finally:
            try:
                self._keys.delete(issued.key.id)
            except Exception as error:  # noqa: BLE001 - the key expires, and the release is not to blame
                report(error)

    def _run_check(self, name: str, check: Callable[[], object]) -> Result:
        detail = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(PAUSE_S)
            try:
                check()
            except NotProven as reason:
                return Result(name, "unproven", str(reason))
            except CheckFailed as reason:
                detail = str(reason)
            except httpx2.HTTPError as error:
                detail = type(error).__name__
            else:
                return Result(name, "passed")
        return Result(name, "failed", detail)

    def _check_error(self, method: str, path: str, token: str | None, status: int, code: str) -> None:
        """Check status and OpenAI's shape of an error."""
        response = self._http.request(method, path, headers=_authorization(token))
        found = _read_error_code(response.content)
        if (response.status_code, found) != (status, code):
            raise CheckFailed(f"{response.status_code} {found} instead of {status} {code}")

    def _list_models(self, token: str) -> list[str]:
        """Return the model names, at least one."""
        response = self._http.get("models", headers=_authorization(token))
        if response.status_code != httpx2.codes.OK:
            raise CheckFailed(f"{response.status_code} {_read_error_code(response.content)} instead of 200")
        match _parse_object(response.content):
            case {"object": "list", "data": [{"id": str()}, *_] as models}:
                return [model["id"] for model in models]
        raise CheckFailed("200 without a list of models")

    def _check_stream(self, token: str) -> None:
        """Check that a small streamed answer arrives completely."""
        names = self._list_models(token)
        body = {
            "model": PREFERRED_MODEL if PREFERRED_MODEL in names else names[0],
            "messages": [{"role": "user", "content": "Reply with the word ok."}],
            "max_tokens": 16,
            "stream": True,
        }
        headers = _authorization(token) | {"x-gateway-timeout-ms": str(CHAT_TIMEOUT_S * 1000)}
        timeout = httpx2.Timeout(CHAT_TIMEOUT_S + 5, connect=5)
        with self._http.stream("POST", "chat/completions", json=body, headers=headers, timeout=timeout) as response:
            if response.status_code != httpx2.codes.OK:
                _raise_chat_error(response.status_code, _read_error_code(response.read()))
            _check_events([line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")])


def _check_events(events: list[str]) -> None:
    """Check the data of the events: chunks, then `[DONE]`."""
    if not events:
        raise CheckFailed("a stream without events")
    for event in events:
        if code := _read_error_code(event.encode()):
            _raise_chat_error(200, code)
    chunks = [_parse_object(event.encode()) for event in events[:-1]]
    if events[-1] != "[DONE]" or not any(chunk.get("choices") for chunk in chunks):
        raise CheckFailed("an incomplete stream")


def _raise_chat_error(status: int, code: str) -> None:
    if code in NOT_CAUSED_BY_A_RELEASE:
        raise NotProven(code)
    raise CheckFailed(f"{status} {code} instead of an answer")


def _authorization(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


def _read_error_code(content: bytes) -> str:
    """Return the code of an error in OpenAI's shape, else an empty text. Foreign text is never returned."""
    match _parse_object(content):
        case {"error": {"message": str(), "type": str(), "param": _, "code": str(code)}} if _CODE.fullmatch(code):
            return code
    return ""


def _parse_object(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
