"""`sam local invoke`: one event, one container, one response as API Gateway would receive it."""

import json

import pytest

from tests.recorder.files import get_event_path, get_function_id
from tests.recorder.samples import SAMPLES
from tests.recorder.summary import STREAMED_WITH_USAGE, summarize
from tests.sam_local.environment import SamEnvironment


@pytest.mark.parametrize(("name", "object_"), [("chat/answered", "chat.completion"), ("models/listed", "list")])
def test_an_event_is_invoked_on_its_function(sam_environment: SamEnvironment, name: str, object_: str) -> None:
    event = get_event_path(name)

    answer = sam_environment.sam.invoke(get_function_id(event), event)

    assert summarize(answer) == SAMPLES[name].expected
    assert json.loads(answer["body"])["object"] == object_


def test_a_streaming_call_returns_its_events_buffered(sam_environment: SamEnvironment) -> None:
    event = get_event_path("chat/streamed-with-usage")

    answer = sam_environment.sam.invoke(get_function_id(event), event)

    assert summarize(answer) == STREAMED_WITH_USAGE
    assert answer["headers"]["content-type"].startswith("text/event-stream")
