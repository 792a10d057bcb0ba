"""Where the API key of a request is looked for."""

import pytest

from qwen_gateway.api import bearer_token
from qwen_gateway.errors import KeyMissing


@pytest.mark.parametrize("header", ["Bearer sk-1", "bearer sk-1", "BEARER   sk-1 "])
def test_the_token_of_a_bearer_header_is_found(header: str) -> None:
    assert bearer_token({"authorization": header}) == "sk-1"


@pytest.mark.parametrize("header", ["", "sk-1", "Bearer", "Bearer ", "Basic c2stMQ==", "Token sk-1"])
def test_what_is_no_bearer_header_is_a_missing_key(header: str) -> None:
    with pytest.raises(KeyMissing, match="Authorization: Bearer"):
        bearer_token({"authorization": header})


def test_no_header_at_all_is_a_missing_key() -> None:
    with pytest.raises(KeyMissing):
        bearer_token({"x-api-key": "sk-1"})
