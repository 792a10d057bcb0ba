"""A key's item as DynamoDB returned it: settings and state, by the names of docs/ledger.md."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from qwen_gateway.ledger.api_keys import ApiKey
from qwen_gateway.ledger.dynamodb import Item, from_item
from qwen_gateway.ledger.periods import Period

type Form = Literal["hold", "count", "read"]
"""How a call of the key is admitted: it takes a hold, it is counted, or the key is only read."""
type OnLimit = Literal["refuse", "warn"]
"""Whether budget, rpm, tpm and concurrency refuse calls, or are only counted (shadow mode)."""
type KeyStatus = Literal["active", "revoked", "expired"]

DEFAULT_MAX_OUTPUT = 8_192
"""Output tokens of a request that names no limit, for a key with a budget whose owner named none."""
MOST_HOLDS = 300
"""Entries of a key's hold map, also in shadow mode: a write costs one unit more for each KB of the item."""
HOLD_LIFETIME_S = 1_500
"""A hold expires so long after the time in its ULID: the longest timeout of a function, and 600 s for clocks and late
writes."""


class KeySnapshot(NamedTuple):
    """Settings and state of a key. Amounts are pico-units of the accounting currency, times seconds since 1970.

    `remaining` is None in an item from before the ledger, which has no state. `change` is the ULID of the last change
    of settings.
    """

    key: ApiKey
    version: int
    created: int = 0
    change: str | None = None
    models: tuple[str, ...] | None = None
    budget: int | None = None
    period: Period | None = None
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    default_max_output: int = DEFAULT_MAX_OUTPUT
    on_limit: OnLimit = "refuse"
    period_end: int | None = None
    remaining: int | None = None
    spent: int = 0
    total: int = 0
    alerted: int = 0
    holds: Mapping[str, int] = {}
    window: Mapping[str, int] = {}

    @classmethod
    def of(cls, item: Item) -> "KeySnapshot":
        """Parse an item of the keys table."""
        fields: dict[str, Any] = from_item(item)
        known = {name: fields[name] for name in cls._fields if name in fields}
        if "models" in known:
            known["models"] = tuple(known["models"])
        return cls(**{"version": 1, **known, "key": ApiKey.of(item)})

    @property
    def id(self) -> str:
        """The id in the token."""
        return self.key.id

    @property
    def name(self) -> str:
        """Who uses the key."""
        return self.key.name

    @property
    def form(self) -> Form:
        """How a call of this key is admitted."""
        if self.budget is not None or self.concurrency is not None:
            return "hold"
        return "read" if self.rpm is None and self.tpm is None else "count"

    @property
    def warns(self) -> bool:
        """Whether the key is in shadow mode: its limits are counted and never refuse."""
        return self.on_limit == "warn"

    @property
    def is_adopted(self) -> bool:
        """Whether the item has the ledger's state."""
        return self.remaining is not None

    @property
    def held(self) -> int:
        """The amount of all open holds."""
        return sum(self.holds.values())

    def requests(self, now: int) -> int:
        """Return the requests of this minute."""
        return self.window.get(f"r{now // 60}", 0)

    def tokens(self, now: int) -> int:
        """Return the tokens of this minute."""
        return self.window.get(f"t{now // 60}", 0)

    def status(self, now: float) -> KeyStatus:
        """Return whether the key accepts calls at `now`, in seconds since 1970."""
        if self.key.disabled:
            return "revoked"
        return "expired" if self.key.expires is not None and self.key.expires <= now else "active"
