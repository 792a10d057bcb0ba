"""`QwenClient.stream`: deltas, usage and errors."""

import pytest

from qwen_gateway import QwenClient
from qwen_gateway.errors import ProviderAnswerBroken, ProviderFault, ProviderKeyRefused, RequestInvalid
from qwen_gateway.library import AnswerStream
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.integration.library.conftest import MakeClient

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def text_of(stream: AnswerStream) -> str:
    return "".join(delta.content for delta in stream)


def test_deltas_are_streamed_and_usage_is_set_at_the_end(client: QwenClient, provider: RunningMockQwen) -> None:
    provider.control({"prompt_tokens": 7, "completion_tokens": 5, "chunks": 4})

    stream = client.stream("Say hello.")
    assert (stream.provider, stream.model) == ("dashscope", "qwen-plus")
    assert (stream.usage, stream.latency_ms, stream.attempts) == (None, None, ())
    deltas = list(stream)

    assert [bool(delta.content) for delta in deltas] == [False, True, True, True, True, False]
    assert "Say hello." in "".join(delta.content for delta in deltas)
    assert [delta.finish_reason for delta in deltas][-2:] == [None, "stop"]
    assert stream.usage
    assert (stream.usage.tokens_in, stream.usage.tokens_out) == (7, 5)
    assert stream.latency_ms
    assert stream.latency_ms >= stream.first_token_ms >= 0
    (attempt,) = stream.attempts
    assert (attempt.status, attempt.charged) == (200, "billed")


def test_reasoning_and_tool_calls_have_their_own_fields(client: QwenClient) -> None:
    thinking = list(client.stream("Say hello.", enable_thinking=True))
    calling = list(client.stream("How is the weather?", tools=[WEATHER]))

    assert any(delta.reasoning for delta in thinking)
    calls = [call for delta in calling for call in delta.tool_calls]
    assert [call["function"]["name"] for call in calls if call["function"].get("name")] == ["weather"]
    assert [delta.finish_reason for delta in calling if delta.finish_reason] == ["tool_calls"]


def test_choices_are_numbered(client: QwenClient) -> None:
    deltas = list(client.stream("Say hello.", n=2))

    assert {delta.choice for delta in deltas if delta.content} == {0, 1}


def test_closing_early_closes_the_connection_and_the_next_call_succeeds(
    client: QwenClient, provider: RunningMockQwen
) -> None:
    provider.control({"chunks": 50, "chunk_gap_ms": 100})
    pool = client._transport._http._transport._pool  # type: ignore[attr-defined]

    with client.stream("Say hello.") as stream:
        assert next(delta for delta in stream if delta.content)
        assert len(pool.connections) == 1

    assert pool.connections == []
    assert (stream.usage, list(stream)) == (None, [])
    (attempt,) = stream.attempts
    assert (attempt.cause, attempt.charged) == ("ClosedEarly", "presumed")
    provider.reset()
    assert "Say hello." in text_of(client.stream("Say hello."))


def test_the_connection_is_reused_after_a_complete_stream(client: QwenClient) -> None:
    pool = client._transport._http._transport._pool  # type: ignore[attr-defined]
    text_of(client.stream("Say hello."))
    (connection,) = pool.connections

    text_of(client.stream("Say hello."))

    assert pool.connections == [connection]


def test_a_failure_before_the_first_output_is_retried_or_raised_at_once(
    make_client: MakeClient, provider: RunningMockQwen
) -> None:
    client = make_client(configuration={"retries": {"attempts": 2}})
    provider.control({"faults": [{"model": "qwen-plus", "times": 1, "kind": "truncate"}]})
    stream = client.stream("Say hello.", "qwen-plus")
    assert "Say hello." in text_of(stream)
    assert [attempt.charged for attempt in stream.attempts] == ["presumed", "billed"]

    provider.control({"faults": [{"model": "*", "times": 9, "status": 500, "code": "InternalError"}]})
    with pytest.raises(ProviderFault):
        client.stream("Say hello.")


def test_a_failure_after_the_first_output_is_raised_while_iterating(
    client: QwenClient, provider: RunningMockQwen
) -> None:
    provider.control(
        {"chunks": 5, "chunk_gap_ms": 20, "faults": [{"model": "*", "kind": "disconnect", "after_chunks": 2}]}
    )
    stream = client.stream("Say hello.")

    with pytest.raises(ProviderAnswerBroken, match="broke off its answer"):
        list(stream)

    assert stream.latency_ms is not None
    (attempt,) = stream.attempts
    assert (attempt.cause, attempt.status, attempt.charged) == ("ProviderAnswerBroken", 200, "presumed")


def test_the_error_for_a_refused_key_names_its_variable(client: QwenClient, provider: RunningMockQwen) -> None:
    provider.control({"accepted_key": "another"})

    with pytest.raises(ProviderKeyRefused, match="DASHSCOPE_API_KEY"):
        client.stream("Say hello.")


def test_chat_rejects_stream_and_names_the_method_for_it(client: QwenClient) -> None:
    with pytest.raises(RequestInvalid, match="call stream"):
        client.chat("Say hello.", stream=True)
