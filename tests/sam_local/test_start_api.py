"""`sam local start-api`: the template's routes over HTTP, the functions in containers, called by the openai package."""

import json
import re
from typing import Any, cast

import openai
import pytest

from tests.recorder import keys
from tests.sam_local.conftest import CALLERS_SHELL
from tests.sam_local.neighbours import Neighbours
from tests.sam_local.sam import RunningApi
from tests.sam_local.scene import Scene

MESSAGES: Any = [{"role": "user", "content": "Who are you?"}]


def records(around: Neighbours) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", around.aws.dynamodb.scan(TableName=around.aws.usage_table)["Items"])


def record_of(request_id: str | None, around: Neighbours) -> dict[str, Any]:
    assert request_id is not None
    (record,) = (item for item in records(around) if item["sk"]["S"] == f"USE#{request_id.removeprefix('req_')}")
    return record


def test_a_chat_call_is_answered_by_the_provider_and_leaves_one_record(
    client: openai.OpenAI, around: Neighbours
) -> None:
    before = len(records(around))

    answer = client.chat.completions.with_raw_response.create(model="qwen-max", messages=MESSAGES)

    completion = answer.parse()
    assert "mock of qwen3-max" in (completion.choices[0].message.content or "")
    assert completion.usage is not None
    assert answer.headers["x-gateway-model"] == "qwen3-max"
    assert [call["model"] for call in around.provider.calls()] == ["qwen3-max"]
    assert len(records(around)) == before + 1
    record = record_of(completion._request_id, around)
    assert record["tokens_out"]["N"] == str(completion.usage.completion_tokens)
    assert record["outcome"]["S"] == "answered"


def test_a_stream_is_answered_whole_in_events_that_the_client_reads(client: openai.OpenAI, around: Neighbours) -> None:
    stream = client.chat.completions.create(
        model="qwen-plus", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )

    *chunks, last = list(stream)
    assert "mock of qwen-plus" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert last.usage is not None
    record = record_of(stream.response.headers["x-request-id"], around)
    assert (record["streamed"]["BOOL"], record["outcome"]["S"]) == (True, "answered")
    assert record["tokens_out"]["N"] == str(last.usage.completion_tokens)


def test_a_stream_comes_whole_and_leaves_one_record(client: openai.OpenAI, around: Neighbours) -> None:
    before = len(records(around))

    stream = client.chat.completions.create(model="qwen-plus", messages=MESSAGES, stream=True)
    chunks = list(stream)

    assert "mock of qwen-plus" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert record_of(stream.response.headers["x-request-id"], around)["streamed"]["BOOL"] is True
    assert len(records(around)) == before + 1


def test_the_models_are_listed_and_each_can_be_shown(client: openai.OpenAI) -> None:
    listed = [model.id for model in client.models.list()]

    assert {"qwen-max", "qwen-plus", "qwen-turbo"} <= set(listed)
    assert client.models.retrieve("qwen-plus").id == "qwen-plus"


def test_an_unknown_model_is_the_clients_not_found_error_and_reaches_no_provider(
    client: openai.OpenAI, around: Neighbours
) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="qwen-imaginary", messages=MESSAGES)

    assert refused.value.param == "model"
    assert refused.value.request_id is not None
    assert around.provider.calls() == []


def test_a_throttling_provider_is_the_clients_rate_limit_error_and_is_recorded(
    client: openai.OpenAI, around: Neighbours
) -> None:
    around.provider.control({"faults": [{"times": 9, "status": 429, "code": "limit_requests"}]})

    with pytest.raises(openai.RateLimitError) as throttled:
        client.chat.completions.create(model="qwen-plus", messages=MESSAGES)

    assert throttled.value.response.headers["x-should-retry"] == "false"
    assert record_of(throttled.value.request_id, around)["status"]["N"] == "429"


def test_a_key_that_was_never_issued_opens_nothing(client: openai.OpenAI, around: Neighbours) -> None:
    before = len(records(around))
    stranger = client.with_options(api_key=keys.UNISSUED)

    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model="qwen-plus", messages=MESSAGES)
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()

    assert around.provider.calls() == []
    assert len(records(around)) == before


def test_neither_prompt_nor_key_is_logged(client: openai.OpenAI, api: RunningApi, around: Neighbours) -> None:
    marked: Any = [{"role": "user", "content": "marked-prompt-4f6f0b4e"}]

    answer = client.chat.completions.create(model="qwen-plus", messages=marked)

    assert "marked-prompt-4f6f0b4e" in (answer.choices[0].message.content or "")
    log = api.log.read_text(encoding="utf-8", errors="replace")
    assert "REPORT RequestId" in log
    assert "marked-prompt-4f6f0b4e" not in log
    assert keys.OPEN not in log


def test_containers_see_nothing_of_the_callers_shell(client: openai.OpenAI, api: RunningApi, scene: Scene) -> None:
    client.models.list()

    started = re.findall(r"SAM_CONTAINER_ID: (\w+)", api.log.read_text(encoding="utf-8", errors="replace"))
    assert started
    for container in set(started):
        seen = json.loads(scene.daemon.run("inspect", "--format", "{{json .Config.Env}}", container))
        assert "AWS_ACCESS_KEY_ID=test" in seen
        assert f"AWS_ENDPOINT_URL={scene.around.aws_url}" in seen
        assert not [value for value in CALLERS_SHELL.values() if value != "true" and value in " ".join(seen)]
