"""`qwen-gateway usage rebuild`, `reprice` and `restore`."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway import ulid
from qwen_gateway.ledger import AttemptRecord, record_fields
from qwen_gateway.usage import Usage
from tests.builders import usage_record
from tests.integration.cli.operator import Run
from tests.integration.cli.usage_data import DOLLAR, NOW, TODAY, put_call, put_key, roll_up
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.items import put_record, read_key, read_record

PRICE = "dashscope-singapore/qwen-plus@2026-11-01"
RIGHT = 760_000_000
"""1,000 tokens in at 0.4 and 300 out at 1.2 dollars a million: 0.00076 dollars."""
PRICED: dict[str, Any] = {"usage": Usage(1_000, 300), "price": PRICE}


@pytest.fixture(autouse=True)
def _evening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW))


def read_total(run: Run) -> dict[str, str]:
    total: dict[str, str] = json.loads(run("usage", "--json").out)["total"]["cost"]
    return total


def test_a_day_is_summed_anew(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    put_call(aws)
    roll_up(aws)
    put_call(aws, at_s=NOW - 9_000)
    assert read_total(on_aws) == {"USD": "1"}

    ended = on_aws("usage", "rebuild", "--day", TODAY)

    assert ended.out == f"Rebuilt {TODAY} for 1 keys.\n"
    assert read_total(on_aws) == {"USD": "2"}


def test_sums_of_records_that_have_expired_stay(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    gone = put_call(aws)
    put_call(aws)
    roll_up(aws)
    aws.dynamodb.delete_item(
        TableName=aws.usage_table, Key={"pk": {"S": "KEY#TestKey00001"}, "sk": {"S": f"USE#{gone}"}}
    )

    ended = on_aws("usage", "rebuild", "--day", TODAY)

    assert f"Records of {TODAY} have expired for 1 keys." in ended.out
    assert read_total(on_aws) == {"USD": "2"}


def test_days_whose_records_expire_are_not_repriced(aws: Aws, on_aws: Run) -> None:
    ended = on_aws("usage", "reprice", "--from", "2025-10-20")

    assert (ended.status, "Begin with: --from 2025-10-21" in ended.err) == (1, True)


def test_a_correction_is_shown_before_it_is_written(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    put_call(aws, cost=2 * RIGHT, **PRICED)
    put_call(aws, cost=RIGHT, **PRICED)
    put_call(aws, cost=5, outcome="provider_timeout", attempts=())
    roll_up(aws)

    shown = on_aws("usage", "reprice").out

    assert "3 records of 2026-11-01 to 2026-11-24 (UTC)." in shown
    assert "-0.00076" in shown
    assert f"{PRICE}->{PRICE}" in "".join(shown.split())
    assert "Left as they are (no answer was billed): 1." in shown
    assert "Nothing was written. To write it: the same command with --apply" in shown
    assert read_total(on_aws) == {"USD": "0.002280000005"}


def test_a_correction_is_written_once_and_reports_add_it(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    call = put_call(aws, cost=2 * RIGHT, end_user="ann", **PRICED)
    roll_up(aws)

    first, second = (json.loads(on_aws("usage", "reprice", "--apply", "--json").out) for _ in range(2))

    assert (first["written"], first["changes"][0]["amount"], second["changes"]) == (1, "-0.00076", [])
    assert read_total(on_aws) == {"USD": "0.00076"}
    assert json.loads(on_aws("usage", "--by", "end-user", "--json").out)["lines"][0]["cost"] == {"USD": "0.00076"}
    assert read_record(aws, call)["cost"] == 2 * RIGHT
    items = aws.dynamodb.scan(TableName=aws.usage_table)["Items"]
    assert not [item for item in items if item["sk"]["S"].startswith("LATE#")]


def test_budgets_change_only_if_that_is_asked_for_also_later(aws: Aws, on_aws: Run) -> None:
    put_key(aws, budget=DOLLAR, remaining=DOLLAR - 2 * RIGHT, spent=2 * RIGHT)
    call = ulid.new((NOW - 7_200) * 1000)
    put_call(aws, cost=2 * RIGHT, hold=f"{call}.0", **PRICED)

    assert "Budgets stay as they are." in on_aws("usage", "reprice", "--apply").out
    assert read_key(aws)["spent"] == 2 * RIGHT

    changes = json.loads(on_aws("usage", "reprice", "--apply", "--adjust-budgets", "--json").out)["changes"]
    assert [(change["amount"], change["charge"]) for change in changes] == [("0", "-0.00076")]
    assert (read_key(aws)["spent"], read_key(aws)["remaining"]) == (RIGHT, DOLLAR - RIGHT)
    assert read_total(on_aws) == {"USD": "0.00076"}


def test_a_call_that_had_no_price_gets_its_cost(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    put_call(aws, cost=None, unpriced="no_price", usage=Usage(1_000, 300))

    on_aws("usage", "reprice", "--apply")

    assert read_total(on_aws) == {"USD": "0.00076"}


def test_the_exchange_rate_of_the_record_and_presumed_costs_are_kept(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    presumed = AttemptRecord("dashscope", "qwen-plus", "presumed", 40, "ProviderTimeout", presumed_cost=7)
    billed = AttemptRecord("dashscope", "qwen-plus", "billed", 40)
    put_call(aws, cost=5, attempts=(presumed, billed), cost_currency="EUR", exchange_rate="0.5", **PRICED)

    on_aws("usage", "reprice", "--apply")

    assert read_total(on_aws) == {"EUR": "0.000380000007"}


def test_refunded_and_presumed_costs_are_left_as_they_are(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    call = put_call(aws, cost=2 * RIGHT, **PRICED)
    on_aws("keys", "refund", call)
    bound = AttemptRecord("dashscope", "qwen-plus", "billed", 40, presumed_cost=9)
    put_call(aws, cost=9, attempts=(bound,), **PRICED)

    document = json.loads(on_aws("usage", "reprice", "--apply", "--json").out)

    assert document["changes"] == []
    assert document["skipped"] == {"refunded": 1, "the cost is presumed": 1}


def lost_line(call: str, **fields: Any) -> dict[str, Any]:
    """Return a line of the chat function's log."""
    known = {"id": call, "created": NOW - 7_200, "cost": DOLLAR, "cost_currency": "USD"}
    record = record_fields(usage_record(**(known | fields)))
    return {"level": "ERROR", "message": "usage record lost", "request_id": f"req_{call}", "usage_record": record}


def quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


CALL = ulid.new((NOW - 7_200) * 1000)
LINE = json.dumps(lost_line(CALL))
OTHER = json.dumps({"level": "INFO", "message": "call failed"})
EXPORTS: dict[str, str | bytes] = {
    "lines": f"{OTHER}\n{LINE}\n{LINE}\n",
    "an export to S3": gzip.compress(f"2026-11-24T16:00:00.000Z {OTHER}\n2026-11-24T16:00:01.000Z {LINE}\n".encode()),
    "filter-log-events": json.dumps({"events": [{"timestamp": 1, "message": LINE + "\n"}], "searchedLogStreams": []}),
    "Logs Insights as JSON": json.dumps([{"@timestamp": "2026-11-24 16:00:00.000", "@message": lost_line(CALL)}]),
    "Logs Insights as CSV": f"@timestamp,usage_record.sk,@message\n2026-11-24 16:00:00,USE#{CALL},{quote(LINE)}\n",
}


@pytest.mark.parametrize("form", EXPORTS)
def test_a_lost_record_is_restored_once_from(aws: Aws, on_aws: Run, tmp_path: Path, form: str) -> None:
    put_key(aws)
    put_call(aws)
    roll_up(aws)
    text = EXPORTS[form]
    (tmp_path / "log").write_bytes(text if isinstance(text, bytes) else text.encode())

    assert on_aws("usage", "restore", "log").out == "1 restored.\n"
    assert on_aws("usage", "restore", "log").out == "1 there before.\n"

    assert read_record(aws, CALL)["cost"] == DOLLAR
    assert read_total(on_aws) == {"USD": "2"}


def test_every_kind_of_lost_record_is_told(aws: Aws, on_aws: Run, tmp_path: Path) -> None:
    put_key(aws, budget=DOLLAR, spent=30, remaining=DOLLAR - 30)
    abandoned, gone, old = (ulid.new((NOW - 7_200) * 1000 + number) for number in (1, 2, 3))
    put_record(aws, abandoned, state="abandoned", hold=f"{abandoned}.0", cost=30)
    put_record(aws, gone, key_id="GoneKey00001", state="abandoned", hold=f"{gone}.0", cost=30)
    lines = [
        lost_line(abandoned, hold=f"{abandoned}.0", cost=10),
        lost_line(gone, key_id="GoneKey00001"),
        lost_line(old, created=1_600_000_000),
    ]
    (tmp_path / "log").write_text("\n".join(map(json.dumps, lines)))

    ended = on_aws("usage", "restore", "log", "--json")

    assert json.loads(ended.out) == {"replaced": 1, "failed": 1, "expired": 1}
    assert (ended.status, f"req_{gone}: There is no API key" in ended.err) == (1, True)
    assert read_key(aws)["spent"] == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no line with a lost usage record"),
        (OTHER, "has no line with a lost usage record"),
        (LINE[:-9], "incomplete or changed"),
        (LINE.replace("KEY#", "KEX#"), "incomplete or changed"),
        (LINE.replace('"latency_ms": 420', '"latency_ms": 4.2'), "incomplete or changed"),
    ],
)
def test_a_broken_export_changes_nothing(aws: Aws, on_aws: Run, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "log").write_text(text)

    ended = on_aws("usage", "restore", "log")

    assert (ended.status, ended.out) == (1, "")
    assert said in ended.err
    assert aws.dynamodb.scan(TableName=aws.usage_table)["Count"] == 0


def test_a_missing_export_is_told(aws: Aws, on_aws: Run) -> None:
    assert "cannot be read" in on_aws("usage", "restore", "nothing").err
