"""How fast the roll-up sums a day, against the DynamoDB of the running local stack.

It stores records of keys of its own there, which no report shows and which go away with the stack.
"""

import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from qwen_gateway import ulid
from qwen_gateway.ledger import ApiKey, KeySnapshot, UsageRecord, record_fields
from qwen_gateway.ledger.days import DAY_MS, day_of, start_of
from qwen_gateway.ledger.dynamodb import to_item
from qwen_gateway.ledger.roll_up import RollUp
from qwen_gateway.ledger.usage_items import UsageItems
from qwen_gateway.usage import Usage
from qwen_gateway_cli.console import create_progress, show, show_table
from qwen_gateway_cli.stack import Stack, require_stack
from tools.bench.report import describe_run

_BATCH = 25
_AGE_DAYS = 2


class Measured(NamedTuple):
    """Seconds of the roll-up and of a report on the day, processor seconds of this process, and the items read."""

    keys: int
    records: int
    roll_up_s: float
    roll_up_processor_s: float
    roll_up_read: int
    report_s: float
    report_processor_s: float
    report_read: int

    def as_json(self) -> dict[str, Any]:
        """Return the results for a program."""
        return {**describe_run(), "not_aws": "ministack's DynamoDB on this machine", **self._asdict()}

    def print(self) -> None:
        """Print the results as a table."""
        show(f"A day with {self.records:,} records of {self.keys} keys, in the emulated DynamoDB of the local stack")
        show_table(
            ("", "SECONDS", "OF THIS PROCESS", "ITEMS READ"),
            [
                ("roll-up", f"{self.roll_up_s:.1f}", f"{self.roll_up_processor_s:.1f}", f"{self.roll_up_read:,}"),
                ("report", f"{self.report_s:.1f}", f"{self.report_processor_s:.1f}", f"{self.report_read:,}"),
            ],
        )


def measure(records: int, keys: int) -> Measured:
    """Store records of one day in the local stack, spread over keys, and measure."""
    stack = require_stack(None)
    key_ids = [f"bench{secrets.token_hex(4)}" for _ in range(keys)]
    day = day_of(int(time.time() * 1000) - _AGE_DAYS * DAY_MS)
    for key_id in key_ids:
        _store(stack, key_id, day, records // keys)
    reads = _count_reads(stack)
    roll_up_s, roll_up_processor_s = _measure(lambda: _roll_up(stack, key_ids))
    roll_up_read = sum(reads)
    reads.clear()
    report_s, report_processor_s = _measure(lambda: _check_report(stack, key_ids, day, records // keys))
    return Measured(
        keys, records, roll_up_s, roll_up_processor_s, roll_up_read, report_s, report_processor_s, sum(reads)
    )


def _measure(run: Callable[[], None]) -> tuple[float, float]:
    started, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started, time.process_time() - processor


def _roll_up(stack: Stack, key_ids: Sequence[str]) -> None:
    roll_up = RollUp(stack.clients.dynamodb, stack.usage_table, time.time())
    for key_id in key_ids:
        roll_up.run(KeySnapshot(ApiKey(key_id, "bench", "", None, None, None, disabled=False), version=1))


def _check_report(stack: Stack, key_ids: Sequence[str], day: str, records: int) -> None:
    items = UsageItems(stack.clients.dynamodb, stack.usage_table)
    for key_id in key_ids:
        (row,) = items.days_so_far(key_id, day, day, time.time())
        counted = sum(sum(totals.requests.values()) for totals in row.models.values())
        if counted != records:
            raise AssertionError(f"{counted} of {records} records were summed")


def _store(stack: Stack, key_id: str, day: str, records: int) -> None:
    items = [{"PutRequest": {"Item": to_item(record_fields(each))}} for each in _make_records(key_id, day, records)]
    with create_progress() as progress:
        for first in progress.track(range(0, records, _BATCH), description="storing batches of records"):
            requests: Any = {stack.usage_table: items[first : first + _BATCH]}
            stack.clients.dynamodb.batch_write_item(RequestItems=requests)


def _make_records(key_id: str, day: str, records: int) -> Iterator[UsageRecord]:
    chance = random.Random(records)  # noqa: S311 - invented records
    for number in range(records):
        at_ms = start_of(day) + number * DAY_MS // records
        model = chance.choice(("qwen3.8-max", "qwen-plus", "qwen-flash"))
        latency = chance.randrange(200, 20_000)
        yield UsageRecord(
            id=ulid.new(at_ms),
            key_id=key_id,
            created=at_ms // 1000,
            model_asked=model,
            streamed=True,
            status=200,
            outcome="answered",
            latency_ms=latency,
            first_token_ms=latency // 4,
            model_used=model,
            provider="dashscope",
            usage=Usage(chance.randrange(9_000), chance.randrange(900)),
            cost=chance.randrange(10**10),
            cost_currency="USD",
            price=f"dashscope-singapore/{model}@2026-11-01",
            end_user=f"user-{number % 500}",
        )


def _count_reads(stack: Stack) -> list[int]:
    """Return a list that gets the number of items that each query from now on reads."""
    reads: list[int] = []
    events = stack.clients.dynamodb.meta.events
    events.register("after-call.dynamodb.Query", lambda parsed, **_: reads.append(parsed["ScannedCount"]))
    return reads
