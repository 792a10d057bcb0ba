"""The saved queries of Logs Insights name what the functions and Lambda really log."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.contract.alarming_failures import lose_a_record, raise_an_unhandled_exception, reject_the_provider_key
from tests.contract.alarms import parse_log
from tests.contract.template import Template, find_functions, find_resources
from tests.integration.chat.conftest import Gateway

DISCOVERED = {
    *("@timestamp", "@message", "@log", "@type", "@requestId"),
    *("@duration", "@initDuration", "@maxMemoryUsed", "@memorySize"),
}
"""The fields that Logs Insights discovers in every event, and in Lambda's own lines START, END and REPORT."""
KEYWORDS = {
    *("fields", "filter", "sort", "stats", "limit", "desc", "asc", "like", "as", "by"),
    *("count", "latest", "max", "pct", "bin", "1h"),
}


def find_queries(template: Template) -> dict[str, str]:
    """Return the text of each query, without comments."""
    queries = find_resources(template, "AWS::Logs::QueryDefinition")
    return {name: re.sub(r"#.*\n", "", each["QueryString"]) for name, each in queries.items()}


def find_names(query: str) -> set[str]:
    """Return the fields of a query: its words, without keywords, texts and names that the query defines."""
    words = re.sub(r'"[^"]*"', "", query)
    defined = set(re.findall(r"\bas (\w+)", words))
    return {each for each in re.findall(r"@?[\w.]*[a-zA-Z][\w.]*", words) if each not in KEYWORDS | defined}


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields of a line as Logs Insights names them."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from flatten(each, f"{path}.{name}" if path else name)
    else:
        yield path, value


@pytest.fixture
def lines(
    gateway: Gateway, provider: RunningMockQwen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    """Return what the chat function logs about a rejected provider key, a lost record and an unhandled exception."""
    reject_the_provider_key(gateway, provider, monkeypatch)
    provider.control({"faults": []})
    lose_a_record(gateway, provider, monkeypatch)
    raise_an_unhandled_exception(gateway, provider, monkeypatch)
    return [dict(flatten(line)) for line in parse_log(capsys.readouterr().out)]


def test_every_field_of_a_query_is_logged(template: Template, lines: list[dict[str, Any]]) -> None:
    logged = set().union(*(line.keys() for line in lines))

    for name, query in find_queries(template).items():
        assert find_names(query), name
        assert find_names(query) <= DISCOVERED | logged, name


def test_every_text_of_a_filter_is_logged(template: Template, lines: list[dict[str, Any]]) -> None:
    messages = {line.get("message") for line in lines}

    for query in find_queries(template).values():
        assert set(re.findall(r'\bmessage = "([^"]*)"', query)) <= messages
    assert {"call failed", "usage record lost"} <= set(re.findall(r'"([^"]*)"', str(find_queries(template))))


def test_a_request_is_found_by_its_id_without_prefix(gateway: Gateway, template: Template, lines: list[Any]) -> None:
    """Failures log `request_id` with its prefix, a lost record has the id in its sort key."""
    (placeholder,) = re.findall(r'like "(\w+)"', find_queries(template)["OneRequestQuery"])
    (failed, *_) = [line["request_id"] for line in lines if line.get("message") == "call failed"]
    (lost,) = [line["usage_record.sk"] for line in lines if line.get("message") == "usage record lost"]

    assert len(placeholder) == len(failed.removeprefix("req_")) == len(lost.removeprefix("USE#"))


def test_lambda_writes_its_report_as_text(template: Template) -> None:
    """The fields of REPORT lines are discovered in the text format, which is the default."""
    for function in find_functions(template).values():
        assert function["LoggingConfig"].keys() == {"LogGroup"}


def test_every_query_reads_log_groups_of_the_functions(template: Template) -> None:
    logs = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in find_functions(template).values()}

    for query in find_resources(template, "AWS::Logs::QueryDefinition").values():
        assert {group["Ref"] for group in query["LogGroupNames"]} <= logs
        assert query["Name"]["Fn::Sub"].startswith("${AWS::StackName}/")
