"""`qwen-gateway requests list`: by key, outcome, time and id; the slowest and the dearest."""

import json

import pytest

from qwen_gateway.ledger import AttemptRecord
from tests.integration.cli.operator import Run
from tests.integration.cli.usage_data import DOLLAR, NOW, put_call, put_key
from tests.integration.emulated_aws import Aws

OTHER_KEY = "TestKey00002"
API_REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


@pytest.fixture
def calls(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the names of four calls by their request ids: three of today, one of yesterday."""
    monkeypatch.setattr("time.time", lambda: float(NOW))
    put_key(aws)
    put_key(aws, OTHER_KEY, "frontend")
    failed = AttemptRecord("dashscope", "qwen-plus", "none", 40, "ProviderFault", 500, "id-of-the-provider")
    made = {
        "slow": put_call(aws, at_s=NOW - 300, latency_ms=9_000, cost=1),
        "dear": put_call(aws, at_s=NOW - 200, cost=9 * DOLLAR, api_request_id=API_REQUEST_ID),
        "failed": put_call(aws, at_s=NOW - 100, key_id=OTHER_KEY, outcome="provider_fault", cost=0, attempts=(failed,)),
        "old": put_call(aws, at_s=NOW - 86_400, cost=2),
    }
    return {f"req_{ulid}": name for name, ulid in made.items()}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["failed", "dear", "slow"]),
        (("--from", "2026-11-23"), ["failed", "dear", "slow", "old"]),
        (("--to", "2026-11-23"), ["old"]),
        (("--order", "slowest", "--limit", "1"), ["slow"]),
        (("--order", "dearest", "--limit", "2"), ["dear", "slow"]),
        (("--outcome", "failed"), ["failed"]),
        (("--outcome", "answered"), ["dear", "slow"]),
        (("--outcome", "provider_fault"), ["failed"]),
        (("--key", OTHER_KEY), ["failed"]),
        (("--id", API_REQUEST_ID), ["dear"]),
        (("--id", "id-of-the-provider"), ["failed"]),
        (("--id", "unknown"), []),
    ],
)
def test_requests_are_found(
    on_aws: Run, calls: dict[str, str], arguments: tuple[str, ...], expected: list[str]
) -> None:
    listed = json.loads(on_aws("requests", "list", *arguments, "--json").out)

    assert [calls[each["request"]] for each in listed] == expected


def test_a_request_is_a_line_in_a_pipe(on_aws: Run, calls: dict[str, str]) -> None:
    head, *lines = on_aws("requests", "list").out.splitlines()

    assert head.split() == ["REQUEST", "TIME", "KEY", "MODEL", "OUTCOME", "MS", "COST"]
    assert [calls[line.split()[0]] for line in lines] == ["failed", "dear", "slow"]
    assert lines[1].split()[1:] == ["2026-11-24T17:56:40Z", "backend", "qwen-plus", "answered", "420", "9.00", "USD"]


def test_nothing_found_is_said(on_aws: Run, calls: dict[str, str]) -> None:
    ended = on_aws("requests", "list", "--outcome", "no_such")

    assert (ended.status, ended.out) == (0, "There were no such requests on 2026-11-24 (UTC).\n")


def test_the_id_of_a_client_leads_to_that_of_the_provider(on_aws: Run, calls: dict[str, str]) -> None:
    failed = next(request for request, name in calls.items() if name == "failed")

    assert "id-of-the-provider" in on_aws("requests", "show", failed).out


def test_a_narrow_terminal_shows_every_field(
    on_aws: Run, calls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")

    lines = on_aws("requests", "list").out.splitlines()

    assert max(map(len, lines)) <= 40
    assert "  9000 ms, 0.0000000000010 USD" in lines
