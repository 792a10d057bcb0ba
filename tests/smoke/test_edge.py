"""What API Gateway answers before any function: preflights, and its own request limit. None of it costs Lambda time."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.smoke.claims import Claim, proves
from tests.smoke.conftest import Measure
from tests.smoke.target import Target

ROUTES = ("chat/completions", "embeddings", "messages", "messages/count_tokens", "models", "models/qwen-plus")
FLOOD = 600
"""Requests at once: more than the default ThrottleBurst admits, together with its refill at ThrottleRate."""
FLOOD_THREADS = 60


@proves(Claim.PREFLIGHTS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_preflight_is_answered_without_a_key(target: Target, route: str) -> None:
    headers = {
        "origin": "https://app.example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    }

    answer = httpx2.options(f"{target.base_url}/{route}", headers=headers, timeout=60)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"]
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "POST" in answer.headers["access-control-allow-methods"]


@proves(Claim.THROTTLING)
def test_a_flood_of_requests_is_throttled(target: Target, measure: Measure) -> None:
    if target.is_local:
        pytest.skip("the local stack does not throttle")
    with httpx2.Client(timeout=60) as http, ThreadPoolExecutor(FLOOD_THREADS) as pool:
        answers = list(pool.map(lambda _: http.get(f"{target.base_url}/unknown"), range(FLOOD)))

    assert {answer.status_code for answer in answers} <= {404, 429}
    throttled = [answer for answer in answers if answer.status_code == 429]
    if not throttled:
        pytest.skip(f"{FLOOD} requests did not exceed ThrottleRate and ThrottleBurst")
    for answer in throttled:
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-request-id"]
        assert answer.json()["error"]["code"] == "gateway_throttled"
    measure(f"{len(throttled)} of {FLOOD} requests", Claim.THROTTLING)
