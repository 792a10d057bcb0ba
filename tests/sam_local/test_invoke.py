"""`sam local invoke`: one event, one container, one answer as API Gateway would get it."""

import json
from typing import Any

from tests.builders import chat_event, chat_request, models_event
from tests.sam_local.neighbours import Neighbours
from tests.sam_local.scene import Scene


def body(answer: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(answer["body"])
    return document


def test_a_chat_event_gets_a_whole_answer(scene: Scene, around: Neighbours) -> None:
    answer = scene.sam.invoke("ChatFunction", chat_event(chat_request(), around.token))

    assert answer["statusCode"] == 200
    assert body(answer)["object"] == "chat.completion"
    assert [call["model"] for call in around.provider.calls()] == ["qwen-plus"]


def test_a_chat_event_without_a_key_gets_a_refusal_in_openais_shape(scene: Scene, around: Neighbours) -> None:
    answer = scene.sam.invoke("ChatFunction", chat_event(chat_request()))

    assert answer["statusCode"] == 401
    assert set(body(answer)["error"]) == {"message", "type", "param", "code"}
    assert around.provider.calls() == []


def test_a_models_event_gets_the_list(scene: Scene, around: Neighbours) -> None:
    answer = scene.sam.invoke("ModelsFunction", models_event(around.token))

    assert answer["statusCode"] == 200
    assert "qwen-plus" in [model["id"] for model in body(answer)["data"]]


def test_an_event_for_an_unknown_model_gets_a_refusal(scene: Scene, around: Neighbours) -> None:
    answer = scene.sam.invoke("ModelsFunction", models_event(around.token, "qwen/imaginary"))

    assert answer["statusCode"] == 404
    assert body(answer)["error"]["param"] == "model"
