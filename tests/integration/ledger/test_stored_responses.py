"""The items of a response and of the parts of its output are put together, and each can be found."""

from typing import Any, cast

import pytest

from qwen_gateway.errors import LedgerUnavailable
from qwen_gateway.ledger import stored_responses
from qwen_gateway.ledger.stored_responses import StoredResponse, StoredResponses
from qwen_gateway.routing import Target
from tests.builders.ledger import KEY_ID
from tests.integration.emulated_aws import Aws

NOW = 1_800_000_000
STORED = StoredResponse(KEY_ID, "resp_1", Target("dashscope", "qwen-plus"), NOW + 60)


class BusyClient:
    """A client whose batches leave all but the first item unprocessed, the first `times` times."""

    def __init__(self, client: Any, times: int) -> None:
        self._client = client
        self._times = times
        self.batches: list[int] = []

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> Any:  # noqa: N803 - boto3's name
        ((table, puts),) = RequestItems.items()
        self.batches.append(len(puts))
        if len(self.batches) > self._times:
            return self._client.batch_write_item(RequestItems=RequestItems)
        self._client.batch_write_item(RequestItems={table: puts[:1]})
        return {"UnprocessedItems": {table: puts[1:]}}


def put(aws: Aws, parts: list[str], *, busy: int = 0) -> list[int]:
    """Put a response with these parts, and return the sizes of the batches that were sent."""
    client = BusyClient(aws.dynamodb, busy)
    StoredResponses(cast("Any", client), aws.usage_table).put(STORED, parts)
    return client.batches


@pytest.fixture
def stored(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> StoredResponses:
    monkeypatch.setattr(stored_responses, "_PAUSES_S", (0, 0, 0))
    return StoredResponses(aws.dynamodb, aws.usage_table)


def test_a_response_and_its_parts_are_one_write(aws: Aws, stored: StoredResponses) -> None:
    assert put(aws, ["rs_1", "msg_1", "msg_1"]) == [3]

    assert stored.find(KEY_ID, "resp_1", NOW) == STORED
    assert stored.find_by_part(KEY_ID, "rs_1", NOW) == stored.find_by_part(KEY_ID, "msg_1", NOW) == STORED


def test_more_parts_than_a_write_takes_are_several(aws: Aws, stored: StoredResponses) -> None:
    parts = [f"msg_{number}" for number in range(30)]

    assert put(aws, parts) == [25, 6]

    assert all(stored.find_by_part(KEY_ID, part, NOW) == STORED for part in parts)


def test_an_id_that_cannot_be_one_is_left_out(aws: Aws, stored: StoredResponses) -> None:
    assert put(aws, ["../x", ""]) == [1]


def test_items_that_dynamodb_did_not_take_are_sent_again(aws: Aws, stored: StoredResponses) -> None:
    assert put(aws, ["rs_1", "msg_1"], busy=2) == [3, 2, 1]

    assert stored.find_by_part(KEY_ID, "msg_1", NOW) == STORED


def test_when_it_never_takes_them_the_ledger_is_unavailable(aws: Aws, stored: StoredResponses) -> None:
    with pytest.raises(LedgerUnavailable):
        put(aws, ["rs_1", "msg_1", "msg_2", "msg_3"], busy=9)
