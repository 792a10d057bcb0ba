"""OpenAI's Responses with its client: whole, streamed, continued, read and deleted."""

import openai
import pytest

from tests.builders import responses_request
from tests.smoke.claims import Claim, proves
from tests.smoke.conftest import ReadRecord


@proves(Claim.RESPONSES)
def test_a_response_is_answered_and_recorded(client: openai.OpenAI, read_record: ReadRecord) -> None:
    raw = client.responses.with_raw_response.create(**responses_request(store=False))

    response = raw.parse()
    assert response.output_text
    assert response.usage
    record = read_record(raw.headers["x-request-id"])
    assert (record["endpoint"], record["outcome"]) == ("responses", "answered")
    assert record["tokens_out"] == response.usage.output_tokens


@proves(Claim.RESPONSES)
def test_a_stream_ends_with_the_whole_response(client: openai.OpenAI) -> None:
    with client.responses.stream(**responses_request(store=False)) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")

        assert text == stream.get_final_response().output_text


@proves(Claim.RESPONSES)
def test_a_stored_response_is_continued_read_and_deleted(client: openai.OpenAI) -> None:
    first = client.responses.create(**responses_request(input="Remember the word sparrow."))
    second = client.responses.create(**responses_request(input="Go on.", previous_response_id=first.id))

    assert client.responses.retrieve(second.id).id == second.id
    assert client.responses.input_items.list(second.id).data
    client.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)
