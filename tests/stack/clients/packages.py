"""A program that makes calls with Python packages of `.tools/clients`, at their defaults; it prints the result as JSON.

Its arguments are a call, the URL of the gateway without /v1, and an API key.
"""

import json
import sys
from typing import Any

TOOL = {
    "name": "look_up",
    "description": "Look it up.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ROWS = [f"This is row {number} of many." for number in range(1_000)]
REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Say hello."}],
}


def embed_with_langchain(url: str, key: str) -> Any:
    """Return the length of each vector of LangChain, which asks for base64 in calls of 1,000 rows."""
    from langchain_openai import OpenAIEmbeddings  # type: ignore[import-not-found] # noqa: PLC0415

    embeddings = OpenAIEmbeddings(
        model="text-embedding-v4", base_url=f"{url}/v1", api_key=key, check_embedding_ctx_length=False
    )
    return [len(vector) for vector in embeddings.embed_documents(ROWS)]


def embed_with_llama_index(url: str, key: str) -> Any:
    """Return the length of each vector of LlamaIndex."""
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding  # type: ignore[import-not-found] # noqa: PLC0415

    embeddings = OpenAILikeEmbedding(model_name="text-embedding-v4", api_base=f"{url}/v1", api_key=key)
    return [len(vector) for vector in embeddings.get_text_embedding_batch(ROWS)]


def _create_anthropic(url: str, key: str) -> Any:
    import anthropic  # type: ignore[import-not-found] # noqa: PLC0415

    return anthropic.Anthropic(base_url=url, api_key=key)


def ask_for_a_message(url: str, key: str) -> Any:
    """Return a whole message and its request id."""
    message = _create_anthropic(url, key).messages.create(**REQUEST)
    return {**message.to_dict(), "request_id": message._request_id}


def stream_a_message(url: str, key: str) -> Any:
    """Return the text of a stream, and the message that it makes up."""
    with _create_anthropic(url, key).messages.stream(**REQUEST) as stream:
        text = "".join(stream.text_stream)
        return {"text": text, "message": stream.get_final_message().to_dict()}


def call_a_tool(url: str, key: str) -> Any:
    """Return the messages of a conversation with a tool and thinking, both streamed."""
    client, messages, answers = _create_anthropic(url, key), list(REQUEST["messages"]), []
    while not answers or answers[-1]["stop_reason"] == "tool_use":
        thinking = {"type": "enabled", "budget_tokens": 512}
        request = {**REQUEST, "messages": messages, "tools": [TOOL], "thinking": thinking}
        with client.messages.stream(**request) as stream:
            answers.append(stream.get_final_message().to_dict())
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "mild"}
            for block in answers[-1]["content"]
            if block["type"] == "tool_use"
        ]
        messages += [{"role": "assistant", "content": answers[-1]["content"]}, {"role": "user", "content": results}]
    return answers


def count_tokens(url: str, key: str) -> Any:
    """Return the count of a request's tokens."""
    request = {name: value for name, value in REQUEST.items() if name != "max_tokens"}
    return _create_anthropic(url, key).messages.count_tokens(**request).to_dict()


def fail(url: str, _key: str) -> Any:
    """Return the exception for a key that was never issued."""
    import anthropic  # noqa: PLC0415

    try:
        _create_anthropic(url, "sk-qg-none").messages.create(**REQUEST)
    except anthropic.APIStatusError as error:
        return {"kind": type(error).__name__, "type": error.body["error"]["type"], "request_id": error.request_id}


def converse_with_agents(url: str, key: str) -> Any:
    """Return the texts of three turns of an agent with a tool, with the default class of models, the last streamed."""
    import asyncio  # noqa: PLC0415

    import agents  # type: ignore[import-not-found] # noqa: PLC0415
    import openai  # noqa: PLC0415

    @agents.function_tool  # type: ignore[untyped-decorator]
    def look_up(city: str) -> str:
        return f"mild in {city}"

    agents.set_tracing_disabled(True)
    agents.set_default_openai_client(openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key), use_for_tracing=False)
    agent = agents.Agent(name="Weather", instructions="Be brief.", tools=[look_up], model="qwen-plus")

    async def run() -> list[str]:
        history, texts = [], []
        for turn in range(3):
            asked = [*history, {"role": "user", "content": f"Turn {turn}?"}]
            if turn < 2:
                result = await agents.Runner.run(agent, asked)
            else:
                result = agents.Runner.run_streamed(agent, asked)
                async for _ in result.stream_events():
                    pass
            history = result.to_input_list()
            texts.append(result.final_output)
        return texts

    return asyncio.run(run())


def fail_with_agents(url: str, key: str) -> Any:
    """Return the exception of a stream that fails after output, with openai-agents."""
    import asyncio  # noqa: PLC0415

    import agents  # noqa: PLC0415
    import openai  # noqa: PLC0415

    agents.set_tracing_disabled(True)
    agents.set_default_openai_client(openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key), use_for_tracing=False)

    async def run() -> str:
        result = agents.Runner.run_streamed(agents.Agent(name="Weather", model="qwen-plus"), "Say hello.")
        try:
            async for _ in result.stream_events():
                pass
        except Exception as error:  # noqa: BLE001 - the test reads what a user would
            return f"{type(error).__name__}: {error}"
        return result.final_output

    return asyncio.run(run())


def converse_with_pydantic_ai(url: str, key: str) -> Any:
    """Return the texts of three turns with a tool, and a structured output, with pydantic-ai's model of responses."""
    from pydantic import BaseModel  # noqa: PLC0415
    from pydantic_ai import Agent  # type: ignore[import-not-found] # noqa: PLC0415
    from pydantic_ai.models.openai import OpenAIResponsesModel  # type: ignore[import-not-found] # noqa: PLC0415
    from pydantic_ai.providers.openai import OpenAIProvider  # type: ignore[import-not-found] # noqa: PLC0415

    class Forecast(BaseModel):
        city: str
        degrees: int

    model = OpenAIResponsesModel("qwen-plus", provider=OpenAIProvider(base_url=f"{url}/v1", api_key=key))
    agent = Agent(model, instructions="Be brief.")

    @agent.tool_plain  # type: ignore[untyped-decorator]
    def look_up(city: str) -> str:
        return f"mild in {city}"

    history, texts = None, []
    for turn in range(3):
        result = agent.run_sync(f"Turn {turn}?", message_history=history)
        history = result.all_messages()
        texts.append(result.output)
    forecast = Agent(model, output_type=Forecast).run_sync("How is the weather?").output
    return {"texts": texts, "forecast": forecast.model_dump()}


CALLS = {
    "agents": converse_with_agents,
    "agents, failure": fail_with_agents,
    "pydantic-ai": converse_with_pydantic_ai,
    "langchain": embed_with_langchain,
    "llama-index": embed_with_llama_index,
    "message": ask_for_a_message,
    "stream": stream_a_message,
    "tools": call_a_tool,
    "count": count_tokens,
    "failure": fail,
}

if __name__ == "__main__":
    call, base, token = sys.argv[1:]
    sys.stdout.write(json.dumps(CALLS[call](base, token)))
