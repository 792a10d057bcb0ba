"""The reconcile function: what it logs and counts."""

import functools
import io
import json
import uuid
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from qwen_gateway import observability
from tests.builders import Context
from tests.builders.ledger import KEY_ID, budget_item, put_expired_hold, put_open_record
from tests.integration.emulated_aws import Aws
from tests.integration.fresh_import import import_fresh


@pytest.fixture
def lines(aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the function and return the JSON lines of its log."""
    # A logger keeps its first stream, and pytest replaces standard output for each test.
    log = io.StringIO()
    create = functools.cache(lambda: Logger(service=f"test-{uuid.uuid4()}", stream=log))
    monkeypatch.setattr(observability, "logger", create)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QwenGateway")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "qwen-gateway")
    handler = import_fresh("reconcile.handler", monkeypatch)

    def run() -> list[dict[str, Any]]:
        handler.lambda_handler({"source": "aws.events"}, Context())
        return [json.loads(line) for line in (log.getvalue() + capsys.readouterr().out).splitlines()]

    return run


def find_counts(lines: list[dict[str, Any]]) -> dict[str, float]:
    """Return the values of the emitted metrics, whose only dimension is the service."""
    counts: dict[str, float] = {}
    for line in lines:
        for group in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert group["Dimensions"] == [["service"]]
            counts |= {each["Name"]: sum(line[each["Name"]]) for each in group["Metrics"]}
    return counts


def test_what_was_done_is_logged_and_counted(aws: Aws, lines: Any) -> None:
    put_expired_hold(aws)
    put_open_record(aws)

    written = lines()

    (line,) = [each for each in written if each.get("message") == "reconciled"]
    assert (line["keys"], line["holds_released"], line["records_abandoned"], line["failed"]) == (2, 1, 2, 0)
    assert find_counts(written) == {"holds_released": 1, "records_abandoned": 2}


def test_a_run_that_finds_nothing_emits_no_metric(lines: Any) -> None:
    assert find_counts(lines()) == {}


def test_a_key_that_fails_is_logged_with_its_error_and_counted(aws: Aws, lines: Any) -> None:
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=budget_item(100, {"broken.0": 7}))

    written = lines()

    line, *_ = [each for each in written if each.get("message") == "key not reconciled"]
    assert (line["level"], line["key_id"], line["error_type"]) == ("ERROR", KEY_ID, "ValueError")
    assert find_counts(written) == {"reconcile_failed": 1}


def test_no_line_has_a_hash(aws: Aws, lines: Any) -> None:
    put_expired_hold(aws)
    item = aws.dynamodb.scan(TableName=aws.keys_table)["Items"][0]

    assert item["token_hash"]["S"] not in json.dumps(lines())
