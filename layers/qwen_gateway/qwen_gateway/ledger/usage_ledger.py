"""Usage records: one for each admitted call, successful or not. They never contain prompts or answers.

A record's primary key is `pk = KEY#<key id>`, `sk = USE#<ulid>`, so that a query returns the calls of a key in order of
time. DynamoDB deletes a record after the stack's retention (`expires_at`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from botocore.exceptions import ClientError

from qwen_gateway.ledger.dynamodb import (
    FAILURES,
    Item,
    Plain,
    from_item,
    is_condition_failure,
    ledger_unavailable,
    to_item,
)
from qwen_gateway.ledger.expressions import expressions
from qwen_gateway.usage import Usage

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

type RecordState = Literal["open", "settled", "abandoned", "not_called"]

ABSENT = "attribute_not_exists(#pk)"
ABSENT_OR_OPEN = "attribute_not_exists(#pk) OR #state = :open"
"""Conditions of a record's write."""
_SECONDS_A_DAY = 86_400
_MAX_TAGS = 5
_MAX_CHARACTERS = 128


class AttemptRecord(NamedTuple):
    """One upstream call.

    `charged` is `billed`, `presumed` (the model may have run) or `none`. `presumed_cost` is what the call is charged
    for it without a report of the provider, in pico-units. `cause` is the error class, None on success. `http_status`
    is the provider's, None when there was no response. `calls` is how many calls with the same fate this stands for, of
    a request that was split; None is one.
    """

    provider: str
    model: str
    charged: str
    latency_ms: int
    cause: str | None = None
    http_status: int | None = None
    provider_request_id: str | None = None
    presumed_cost: int | None = None
    calls: int | None = None


class UsageRecord(NamedTuple):
    """One call of a client: `id` is its ULID, `created` its time in seconds since 1970.

    `status` is the HTTP status that the client received, `outcome` is `answered` or the error code; a call that has not
    ended has neither status nor latency, and its outcome is `open`. `api_request_id` is API Gateway's id of the
    request. `cost` is in pico-units of `cost_currency`, `price` the version of the price, `exchange_rate` what one unit
    of the price's currency costs in it; `unpriced` says why there is no cost. `state` is final unless it is `open`;
    `hold` is the name of the hold that this record settles, None without. `endpoint` is the path of the API below /v1;
    records from before there were others than chat completions have none.
    """

    id: str
    key_id: str
    created: int
    model_asked: str
    streamed: bool
    status: int | None
    outcome: str
    latency_ms: int | None
    first_token_ms: int | None = None
    model_used: str | None = None
    provider: str | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    usage: Usage = Usage()
    cost: int | None = None
    cost_currency: str | None = None
    exchange_rate: str | None = None
    price: str | None = None
    unpriced: str | None = None
    end_user: str | None = None
    tags: Mapping[str, str] = {}
    client_retry_count: int | None = None
    api_request_id: str | None = None
    state: RecordState = "settled"
    hold: str | None = None
    endpoint: str | None = None


class WinningRecord(NamedTuple):
    """What the record in the table says of the money: its state, the hold that it settles, and the cost."""

    state: str
    hold: str | None
    cost: int

    @classmethod
    def of(cls, item: Item) -> "WinningRecord":
        """Parse an item of the usage table. Records from before the ledger have no state and are final."""
        fields = from_item({name: item[name] for name in ("state", "hold", "cost") if name in item})
        return cls(fields.get("state", "settled"), fields.get("hold"), fields.get("cost", 0))


class Put(NamedTuple):
    """The answer to the write of a record: whether it was applied, and the record that counts."""

    applied: bool
    winner: WinningRecord


class UsageLedger:
    """The usage table, write-only."""

    def __init__(self, client: "DynamoDBClient", table_name: str, retention_days: int) -> None:
        self._client = client
        self._table_name = table_name
        self._retention_s = retention_days * _SECONDS_A_DAY

    def put_record(self, record: UsageRecord) -> WinningRecord:
        """Put the final record of a call with a hold, and return the record that counts: the first one.

        Raises:
            LedgerUnavailable: DynamoDB failed; log `record_fields(record)`, from which the item can be restored.
        """
        return self._put(record, ABSENT)

    def put_open(self, record: UsageRecord) -> None:
        """Put the open record of a call without a hold, before its first attempt.

        Raises:
            LedgerUnavailable: DynamoDB failed, or the call has a final record.
        """
        if self._put(record, ABSENT).state != "open":
            raise ledger_unavailable()

    def replace_open(self, record: UsageRecord) -> WinningRecord:
        """Replace the open record of a call by its final one, and return the record that counts.

        Raises:
            LedgerUnavailable: as `put_record`.
        """
        return self._put(record, ABSENT_OR_OPEN)

    def _put(self, record: UsageRecord, condition: str) -> WinningRecord:
        item = to_item(record_fields(record) | {"expires_at": record.created + self._retention_s})
        try:
            return put_record_item(self._client, self._table_name, item, condition).winner
        except FAILURES as failure:
            raise ledger_unavailable() from failure


def put_record_item(client: "DynamoDBClient", table_name: str, item: Item, condition: str) -> Put:
    """Put the item of a record unless the condition refuses it. Other failures are botocore's exceptions."""
    try:
        client.put_item(
            TableName=table_name,
            Item=item,
            **expressions({"open": "open"}, ConditionExpression=condition),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as failure:
        winner: Any = failure.response.get("Item")
        if not is_condition_failure(failure) or not winner:
            raise
        return Put(applied=False, winner=WinningRecord.of(winner))
    return Put(applied=True, winner=WinningRecord.of(item))


def record_fields(record: UsageRecord) -> dict[str, Plain | None]:
    """Return the fields of a record's item as a JSON object, without `expires_at`, which depends on the retention."""
    fields = record._asdict()
    key_id, ulid = fields.pop("key_id"), fields.pop("id")
    fields |= fields.pop("usage")._asdict()
    fields["attempts"] = [_truncate_texts(attempt._asdict()) for attempt in record.attempts]
    fields["tags"] = parse_tags(record.tags)
    return {"pk": f"KEY#{key_id}", "sk": f"USE#{ulid}"} | _truncate_texts(fields)


def parse_tags(metadata: object) -> dict[str, str]:
    """Return the first five string pairs of a request's `metadata`. Other values are ignored."""
    if not isinstance(metadata, Mapping):
        return {}
    pairs = [
        (name, text) for name, text in metadata.items() if name and isinstance(name, str) and isinstance(text, str)
    ]
    return {_truncate(name): _truncate(text) for name, text in pairs[:_MAX_TAGS]}


def _truncate_texts(fields: dict[str, Plain | None]) -> dict[str, Plain | None]:
    return {name: _truncate(value) if isinstance(value, str) else value for name, value in fields.items()}


def _truncate(text: str) -> str:
    # JSON may contain half a surrogate pair, which UTF-8 and so DynamoDB cannot represent.
    return text[:_MAX_CHARACTERS].encode("utf-8", "replace").decode()
