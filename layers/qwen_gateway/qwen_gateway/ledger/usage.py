"""Usage records: one for each call that was let through, whatever became of it. No prompt and no answer, ever.

A record's key is `pk = KEY#<key id>`, `sk = USE#<ulid>`, so a key's calls lie together in the order of time. DynamoDB
deletes it after the stack's retention (`expires_at`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from qwen_gateway.ledger.attributes import Plain, to_item
from qwen_gateway.ledger.unavailable import FAILURES, ledger_unavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_SECONDS_A_DAY = 86_400
_MAX_TAGS = 5
_MAX_TEXT = 128


class AttemptRecord(NamedTuple):
    """One call to a provider.

    `charged` says what the provider may ask for it: `billed`, `presumed` (it may have run) or `none`. `cause` names
    the failure, None when it answered; `http_status` is the provider's, None when it said nothing.
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

    `status` is the HTTP status that the client got, `outcome` is `answered` or the error's code. Tokens are as the
    provider reported them, None when it did not; cached, cache-write and thinking tokens are parts of the other two.
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
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_cache_write: int | None = None
    tokens_thinking: int | None = None
    end_user: str | None = None
    tags: Mapping[str, str] = {}
    client_retry_count: int | None = None


class UsageLedger:
    """The usage table, for writing."""

    def __init__(self, client: "DynamoDBClient", table_name: str, retention_days: int) -> None:
        self._client = client
        self._table_name = table_name
        self._retention = retention_days * _SECONDS_A_DAY

    def put(self, record: UsageRecord) -> None:
        """Write a record once: a repeated put of it changes nothing.

        Raises:
            LedgerUnavailable: DynamoDB did not take it; log `restorable(record)`.
        """
        item = restorable(record) | {"expires_at": record.created + self._retention}
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=to_item(item),
                ConditionExpression="attribute_not_exists(#pk)",
                ExpressionAttributeNames={"#pk": "pk"},
            )
        except FAILURES as failure:
            if not _is_there_already(failure):
                raise ledger_unavailable() from failure


def restorable(record: UsageRecord) -> dict[str, Plain | None]:
    """Return the record as a JSON object that has all of its item but `expires_at`, which the retention gives."""
    fields = record._asdict()
    key_id, ulid = fields.pop("key_id"), fields.pop("id")
    fields["attempts"] = [_short(attempt._asdict()) for attempt in record.attempts]
    fields["tags"] = tags(record.tags)
    return {"pk": f"KEY#{key_id}", "sk": f"USE#{ulid}"} | _short(fields)


def tags(metadata: object) -> dict[str, str]:
    """Return the first five pairs of what a client sent as `metadata`; what is not a pair of texts is passed over."""
    if not isinstance(metadata, Mapping):
        return {}
    pairs = [
        (name, text) for name, text in metadata.items() if name and isinstance(name, str) and isinstance(text, str)
    ]
    return {_cut(name): _cut(text) for name, text in pairs[:_MAX_TAGS]}


def _short(fields: dict[str, Plain | None]) -> dict[str, Plain | None]:
    return {name: _cut(value) if isinstance(value, str) else value for name, value in fields.items()}


def _cut(text: str) -> str:
    # JSON may carry half a surrogate pair, which UTF-8 and so DynamoDB cannot.
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode()


def _is_there_already(failure: Exception) -> bool:
    return isinstance(failure, ClientError) and failure.response["Error"]["Code"] == "ConditionalCheckFailedException"
