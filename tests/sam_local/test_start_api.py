"""`sam local start-api`: the template's routes over HTTP, the functions in containers, called by the openai package."""

import json
import re
from typing import Any, cast

import openai
import pytest

from tests.builders import QWEN_MAX
from tests.recorder import keys
from tests.sam_local.backends import Backends
from tests.sam_local.conftest import SHELL_VARIABLES
from tests.sam_local.environment import SamEnvironment
from tests.sam_local.sam import RunningApi

MESSAGES: Any = [{"role": "user", "content": "Who are you?"}]


def list_records(backends: Backends) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", backends.aws.dynamodb.scan(TableName=backends.aws.usage_table)["Items"])


def get_record(request_id: str | None, backends: Backends) -> dict[str, Any]:
    assert request_id is not None
    (record,) = (item for item in list_records(backends) if item["sk"]["S"] == f"USE#{request_id.removeprefix('req_')}")
    return record


def test_a_chat_call_returns_the_providers_answer_and_writes_one_record(
    client: openai.OpenAI, backends: Backends
) -> None:
    before = len(list_records(backends))

    answer = client.chat.completions.with_raw_response.create(model="qwen-max", messages=MESSAGES)

    completion = answer.parse()
    assert f"mock of {QWEN_MAX[0]}" in (completion.choices[0].message.content or "")
    assert completion.usage is not None
    assert answer.headers["x-gateway-model"] == QWEN_MAX[0]
    assert [call["model"] for call in backends.provider.calls()] == [QWEN_MAX[0]]
    assert len(list_records(backends)) == before + 1
    record = get_record(completion._request_id, backends)
    assert record["tokens_out"]["N"] == str(completion.usage.completion_tokens)
    assert record["outcome"]["S"] == "answered"


def test_a_stream_with_usage_is_returned_buffered_as_events(client: openai.OpenAI, backends: Backends) -> None:
    stream = client.chat.completions.create(
        model="qwen-plus", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )

    *chunks, last = list(stream)
    assert "mock of qwen-plus" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert last.usage is not None
    record = get_record(stream.response.headers["x-request-id"], backends)
    assert (record["streamed"]["BOOL"], record["outcome"]["S"]) == (True, "answered")
    assert record["tokens_out"]["N"] == str(last.usage.completion_tokens)


def test_a_stream_is_returned_buffered_and_writes_one_record(client: openai.OpenAI, backends: Backends) -> None:
    before = len(list_records(backends))

    stream = client.chat.completions.create(model="qwen-plus", messages=MESSAGES, stream=True)
    chunks = list(stream)

    assert "mock of qwen-plus" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert get_record(stream.response.headers["x-request-id"], backends)["streamed"]["BOOL"] is True
    assert len(list_records(backends)) == before + 1


def test_models_can_be_listed_and_retrieved(client: openai.OpenAI) -> None:
    listed = [model.id for model in client.models.list()]

    assert {"qwen-max", "qwen-plus", "qwen-turbo"} <= set(listed)
    assert client.models.retrieve("qwen-plus").id == "qwen-plus"


def test_an_unknown_model_raises_not_found_without_a_provider_call(client: openai.OpenAI, backends: Backends) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="qwen-imaginary", messages=MESSAGES)

    assert refused.value.param == "model"
    assert refused.value.request_id is not None
    assert backends.provider.calls() == []


def test_a_throttling_provider_raises_rate_limit_error_and_is_recorded(
    client: openai.OpenAI, backends: Backends
) -> None:
    backends.provider.control({"faults": [{"times": 9, "status": 429, "code": "limit_requests"}]})

    with pytest.raises(openai.RateLimitError) as throttled:
        client.chat.completions.create(model="qwen-plus", messages=MESSAGES)

    assert throttled.value.response.headers["x-should-retry"] == "false"
    assert get_record(throttled.value.request_id, backends)["status"]["N"] == "429"


def test_a_key_that_was_never_issued_is_rejected_everywhere(client: openai.OpenAI, backends: Backends) -> None:
    before = len(list_records(backends))
    unauthenticated = client.with_options(api_key=keys.UNISSUED)

    with pytest.raises(openai.AuthenticationError):
        unauthenticated.chat.completions.create(model="qwen-plus", messages=MESSAGES)
    with pytest.raises(openai.AuthenticationError):
        unauthenticated.models.list()

    assert backends.provider.calls() == []
    assert len(list_records(backends)) == before


def test_neither_prompt_nor_key_is_logged(client: openai.OpenAI, api: RunningApi, backends: Backends) -> None:
    marked: Any = [{"role": "user", "content": "marked-prompt-4f6f0b4e"}]

    answer = client.chat.completions.create(model="qwen-plus", messages=marked)

    assert "marked-prompt-4f6f0b4e" in (answer.choices[0].message.content or "")
    log = api.log.read_text(encoding="utf-8", errors="replace")
    assert "REPORT RequestId" in log
    assert "marked-prompt-4f6f0b4e" not in log
    assert keys.ACTIVE not in log


def test_containers_do_not_inherit_the_developers_shell(
    client: openai.OpenAI, api: RunningApi, sam_environment: SamEnvironment
) -> None:
    client.models.list()

    started = re.findall(r"SAM_CONTAINER_ID: (\w+)", api.log.read_text(encoding="utf-8", errors="replace"))
    assert started
    for container in set(started):
        variables = json.loads(sam_environment.daemon.run("inspect", "--format", "{{json .Config.Env}}", container))
        assert "AWS_ACCESS_KEY_ID=test" in variables
        assert f"AWS_ENDPOINT_URL={sam_environment.backends.aws_url}" in variables
        assert not [value for value in SHELL_VARIABLES.values() if value != "true" and value in " ".join(variables)]
