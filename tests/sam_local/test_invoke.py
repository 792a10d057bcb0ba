"""`sam local invoke`: one event, one container, one answer as API Gateway would get it."""

import json

import pytest

from tests.recorder.files import function_of, path_of
from tests.recorder.samples import SAMPLES
from tests.recorder.telling import STREAMED_WITH_USAGE, told
from tests.sam_local.scene import Scene


@pytest.mark.parametrize(("name", "object_"), [("chat/answered", "chat.completion"), ("models/listed", "list")])
def test_an_event_starts_its_function_and_gets_its_answer(scene: Scene, name: str, object_: str) -> None:
    event = path_of(name)

    answer = scene.sam.invoke(function_of(event), event)

    assert told(answer) == SAMPLES[name].told
    assert json.loads(answer["body"])["object"] == object_


def test_a_streamed_call_is_answered_whole_as_a_stream_reads(scene: Scene) -> None:
    event = path_of("chat/streamed-with-usage")

    answer = scene.sam.invoke(function_of(event), event)

    assert told(answer) == STREAMED_WITH_USAGE
    assert answer["headers"]["content-type"].startswith("text/event-stream")
