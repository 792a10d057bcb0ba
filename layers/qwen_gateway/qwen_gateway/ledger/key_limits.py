"""The limits of a key as the operator sets them (docs/ledger.md)."""

from typing import NamedTuple

from qwen_gateway.ledger.dynamodb import Plain
from qwen_gateway.ledger.key_snapshot import DEFAULT_MAX_OUTPUT, KeySnapshot, OnLimit
from qwen_gateway.ledger.periods import Period

DEFAULT_CONCURRENCY = 50
"""Calls at once of a key with a budget that names no other number."""


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

    @classmethod
    def of(cls, key: KeySnapshot) -> "KeyLimits":
        """Return the limits of a key."""
        return cls(**{name: getattr(key, name) for name in cls._fields})

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
