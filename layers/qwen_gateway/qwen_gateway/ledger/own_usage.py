"""A key's own use, read with its token in two reads: the key, and the rows of this month."""

from typing import TYPE_CHECKING, NamedTuple

from qwen_gateway.ledger.api_keys import ApiKeys
from qwen_gateway.ledger.day_rows import DayRow
from qwen_gateway.ledger.days import day_of
from qwen_gateway.ledger.dynamodb import FAILURES, ledger_unavailable
from qwen_gateway.ledger.key_snapshot import KeySnapshot
from qwen_gateway.ledger.usage_items import UsageItems

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class KeyUse(NamedTuple):
    """A key, and the rows of this month."""

    key: KeySnapshot
    rows: list[DayRow]


class OwnUsage:
    """Both tables, read-only."""

    def __init__(self, client: "DynamoDBClient", keys_table: str, usage_table: str) -> None:
        self._keys = ApiKeys(client, keys_table)
        self._items = UsageItems(client, usage_table)

    def read(self, token_text: str, now: float) -> KeyUse:
        """Return the key of a token and the rows of the month of `now` (seconds since 1970), the earliest first.

        Raises:
            KeyUnknown, KeyRevoked, KeyExpired, LedgerUnavailable: as `ApiKeys.authenticate`.
        """
        key = KeySnapshot.of(self._keys.read_authenticated(token_text, now))
        today = day_of(int(now * 1000))
        try:
            return KeyUse(key, self._items.rows(key.id, f"{today[:7]}-01", today))
        except FAILURES as failure:
            raise ledger_unavailable() from failure
