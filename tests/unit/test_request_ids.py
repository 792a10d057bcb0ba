"""The ids of a request, taken from events that may hold anything."""

import re
from typing import Any

import pytest

from qwen_gateway.request_ids import RequestIds
from tests.builders import models_event, token

UUID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


def test_a_request_has_a_new_ulid_and_the_id_of_api_gateway() -> None:
    ids = RequestIds.create(models_event())

    assert re.fullmatch("req_[0-7][0-9A-HJKMNP-TV-Z]{25}", ids.request_id)
    assert ids.request_id == f"req_{ids.ulid}"
    assert ids.api_request_id == UUID
    assert ids.log_fields() == {"request_id": ids.request_id, "api_request_id": UUID}


@pytest.mark.parametrize(
    "context",
    [
        None,
        7,
        "requestId",
        [UUID],
        {},
        {"requestId": None},
        {"requestId": 7},
        {"requestId": ""},
        {"requestId": {"id": UUID}},
        {"requestId": f"{UUID}\n"},
        {"requestId": f" {UUID}"},
        {"requestId": UUID.replace("c", "с")},  # noqa: RUF001 - a Cyrillic letter
        {"requestId": "UUID_REPLACED_INVALID_REQUEST_ID"},
        {"requestId": token()[:36]},
        {"requestId": "x" * 100_000},
    ],
    ids=lambda context: str(context)[:20].encode("ascii", "replace").decode().strip(),
)
def test_anything_but_a_uuid_is_no_id(context: Any) -> None:
    ids = RequestIds.create(models_event() | {"requestContext": context})

    assert ids.api_request_id is None
    assert ids.log_fields() == {"request_id": ids.request_id}


def test_an_event_without_a_context_has_no_id_of_api_gateway() -> None:
    assert RequestIds.create({}).api_request_id is None
