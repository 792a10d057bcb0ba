"""What an API key may do, what it has used, and how both stand in its item of the keys table (docs/ledger.md)."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from qwen_gateway.ledger.dynamodb import Item, Plain, from_item
from qwen_gateway.ledger.periods import Period

type KeyState = Literal["active", "revoked", "expired"]
type OnLimit = Literal["refuse", "warn"]

DEFAULT_CONCURRENCY = 50
"""Calls at once of a key with a budget that names no other number."""
MAX_CONCURRENCY = 300
"""The most open holds of an item: a write costs one unit more for each KB of it."""
DEFAULT_MAX_OUTPUT = 8_192
"""Output tokens of a request without a limit, on a key with a budget."""


class KeyLimits(NamedTuple):
    """The limits of a key; None: no limit. The budget is in pico-units of the accounting currency.

    `models` are the names that clients may ask for. `default_max_output` applies to requests without a limit of their
    own, on keys with a budget. With `on_limit` `warn`, budget, rpm, tpm and concurrency are counted and never refuse.
    """

    budget: int | None = None
    period: Period | None = None
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    models: tuple[str, ...] | None = None
    default_max_output: int = DEFAULT_MAX_OUTPUT
    on_limit: OnLimit = "refuse"

    def complete(self) -> "KeyLimits":
        """Return the limits with what a budget implies: a period, by default `total`, and a concurrency limit."""
        if self.budget is None:
            return self
        return self._replace(
            period=self.period or "total",
            concurrency=DEFAULT_CONCURRENCY if self.concurrency is None else self.concurrency,
        )

    def fields(self) -> dict[str, Plain | None]:
        """Return the attributes of the item; None is an absent one."""
        fields: dict[str, Plain | None] = self._asdict()
        return fields | {"on_limit": self.on_limit if self.on_limit == "warn" else None}


class KeySettings(NamedTuple):
    """The settings of a key, without its hashes. Times are seconds since 1970; `expires` None: never.

    `previous_expires` is when the token before the last rotation expires, None without a rotation.
    """

    id: str
    name: str
    version: int
    created: int
    expires: int | None
    previous_expires: int | None
    disabled: bool
    limits: KeyLimits = KeyLimits()

    def state(self, now: float) -> KeyState:
        """Return the state at `now`, in seconds since 1970."""
        if self.disabled:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


class KeyAccount(NamedTuple):
    """What the ledger counts for a key, in pico-units.

    `remaining` is what new calls may still hold, None without a budget. `spent` is the cost of this period, `total`
    that of the earlier ones. `holds` are the amounts of the open calls, `window` the requests (`r<minute>`) and tokens
    (`t<minute>`) of the last minutes.
    """

    remaining: int | None
    spent: int
    total: int
    period_end: int | None
    holds: Mapping[str, int]
    window: Mapping[str, int]

    @property
    def held(self) -> int:
        """The amount of all open holds."""
        return sum(self.holds.values())


class Key(NamedTuple):
    """A key as one read of its item shows it."""

    settings: KeySettings
    account: KeyAccount


def new_account(limits: KeyLimits, period_end: int | None) -> dict[str, Plain | None]:
    """Return the counters of a new key's item."""
    return {
        "remaining": limits.budget or 0,
        "spent": 0,
        "total": 0,
        "alerted": 0,
        "period_end": period_end,
        "window": {},
        "holds": {},
    }


def read_key(item: Item) -> Key:
    """Read an item of the keys table. One from before the ledger lacks counters, which are 0."""
    fields = from_item(item)
    return Key(_read_settings(fields), _read_account(fields))


def read_settings(item: Item) -> KeySettings:
    """Read the settings of an item of the keys table."""
    return _read_settings(from_item(item))


def _read_settings(fields: Mapping[str, Any]) -> KeySettings:
    models = fields.get("models")
    return KeySettings(
        id=fields["id"],
        name=fields["name"],
        version=fields["version"],
        created=fields["created"],
        expires=fields.get("expires"),
        previous_expires=fields.get("previous_expires"),
        disabled=fields["disabled"],
        limits=KeyLimits(
            budget=fields.get("budget"),
            period=fields.get("period"),
            rpm=fields.get("rpm"),
            tpm=fields.get("tpm"),
            concurrency=fields.get("concurrency"),
            models=None if models is None else tuple(models),
            default_max_output=fields.get("default_max_output", DEFAULT_MAX_OUTPUT),
            on_limit=fields.get("on_limit", "refuse"),
        ),
    )


def _read_account(fields: Mapping[str, Any]) -> KeyAccount:
    return KeyAccount(
        remaining=fields.get("remaining") if "budget" in fields else None,
        spent=fields.get("spent", 0),
        total=fields.get("total", 0),
        period_end=fields.get("period_end"),
        holds=fields.get("holds", {}),
        window=fields.get("window", {}),
    )
