"""Unknown routes and methods: the gateway's own 404, which never repeats the client's key."""

import httpx2
import pytest

from tests.smoke.claims import Claim, proves
from tests.smoke.target import Target
from tests.smoke.unknown_routes import ROUTES

pytestmark = proves(Claim.UNKNOWN_ROUTES)

CONTENT_TYPES = [None, "application/json", "text/plain", "multipart/form-data; boundary=x"]


@pytest.fixture(scope="module")
def stage_url(target: Target) -> str:
    """Return the URL of the stage, below which /v1 begins."""
    return target.base_url.rstrip("/").removesuffix("/v1")


@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "without a key"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_unknown_route_or_method_is_not_found(
    target: Target, stage_url: str, method: str, path: str, with_key: bool
) -> None:
    headers = {"authorization": f"Bearer {target.api_key}"} if with_key else {}

    answer = httpx2.request(method, f"{stage_url}{path}", headers=headers, timeout=60)

    check_not_found(answer, target.api_key)


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_an_unknown_route_is_not_found_with_any_content_type(
    target: Target, stage_url: str, content_type: str | None
) -> None:
    headers = {"authorization": f"Bearer {target.api_key}"} | ({"content-type": content_type} if content_type else {})

    answer = httpx2.post(f"{stage_url}/v1/unknown", content=b"{}", headers=headers, timeout=60)

    check_not_found(answer, target.api_key)


def test_a_doubled_version_is_explained(target: Target, stage_url: str) -> None:
    answer = httpx2.post(f"{stage_url}/v1/v1/chat/completions", json={}, timeout=60)

    assert "base_url of the gateway already ends in /v1" in answer.json()["error"]["message"]


def check_not_found(answer: httpx2.Response, key: str) -> None:
    assert key not in answer.text + str(answer.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    # A function's ids start with req_: this one is API Gateway's.
    assert answer.headers["x-request-id"]
    assert not answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["access-control-allow-origin"]
    if answer.request.method != "HEAD":
        body = answer.json()
        assert (body["type"], body["error"]["code"]) == ("error", "unknown_route")
