"""Usage records: one for each authenticated call, successful or not. They never contain prompts or answers.

A record's primary key is `pk = KEY#<key id>`, `sk = USE#<ulid>`, so that a query returns the calls of a key in order of
time. DynamoDB deletes a record after the stack's retention (`expires_at`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from qwen_gateway.ledger.dynamodb import FAILURES, Plain, is_condition_failure, ledger_unavailable, to_item
from qwen_gateway.usage import Usage

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_SECONDS_A_DAY = 86_400
_MAX_TAGS = 5
_MAX_CHARACTERS = 128


class AttemptRecord(NamedTuple):
    """One upstream call.

    `charged` is `billed`, `presumed` (the model may have run) or `none`. `cause` is the error class, None on success.
    `http_status` is the provider's, None when there was no response.
    """

    provider: str
    model: str
    charged: str
    latency_ms: int
    cause: str | None = None
    http_status: int | None = None
    provider_request_id: str | None = None


class UsageRecord(NamedTuple):
    """One call of a client: `id` is its ULID, `created` its time in seconds since 1970.

    `status` is the HTTP status that the client received, `outcome` is `answered` or the error code. `api_request_id` is
    API Gateway's id of the request. `cost` is in pico-units of `cost_currency`, `price` the version of the price,
    `exchange_rate` what one unit of the price's currency costs in it; `unpriced` says why there is no cost.
    """

    id: str
    key_id: str
    created: int
    model_asked: str
    streamed: bool
    status: int
    outcome: str
    latency_ms: int
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


class UsageLedger:
    """The usage table, write-only."""

    def __init__(self, client: "DynamoDBClient", table_name: str, retention_days: int) -> None:
        self._client = client
        self._table_name = table_name
        self._retention_s = retention_days * _SECONDS_A_DAY

    def put(self, record: UsageRecord) -> None:
        """Write a record. Repeating the write changes nothing.

        Raises:
            LedgerUnavailable: DynamoDB failed; log `record_fields(record)`, from which the item can be restored.
        """
        fields = record_fields(record) | {"expires_at": record.created + self._retention_s}
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=to_item(fields),
                ConditionExpression="attribute_not_exists(#pk)",
                ExpressionAttributeNames={"#pk": "pk"},
            )
        except FAILURES as failure:
            if not is_condition_failure(failure):
                raise ledger_unavailable() from failure


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
