"""The row of a key and a day: sums of its usage records and adjustments, by provider and model (docs/ledger.md).

A row is below 300 KB, of the 400 KB that DynamoDB allows: at most 50 models have sums of their own, and each at most
40 outcomes. What lies above is summed under `other`; no amount is lost.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from qwen_gateway.ledger import histograms
from qwen_gateway.ledger.dynamodb import Item, Plain, from_item

MOST_MODELS = 50
MOST_NAMES = 40
OTHER = "other"
UNKNOWN = "-"
"""Stands for a model, a provider or a currency that a record does not name."""
SUMMED = (
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "tokens_cache_write",
    "tokens_thinking",
    "searches",
    "latency_ms",
)
"""The attributes of records whose sums a row has, by the same names."""


class ModelKey(NamedTuple):
    """What has sums of its own in a row. The model is the one that was used, or else the one asked for."""

    provider: str
    model: str

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "ModelKey":
        """Return that of a record or an adjustment."""
        model = fields.get("model_used") or fields.get("model_asked") or UNKNOWN
        return cls(fields.get("provider") or UNKNOWN, model)


class Totals(NamedTuple):
    """Sums of records and adjustments. Amounts are pico-units.

    Attributes:
        requests: the number of records by outcome: `answered`, the code of an error, `abandoned`, or `open`.
        sums: the sums of `SUMMED`.
        cost: by currency.
        adjusted: refunds and repricings by currency; negative if money went back.
        unpriced: the number of records without a cost, by reason.
        latency: histogram of the latencies of answered calls.
        first_token: histogram of their times to the first token.
    """

    requests: dict[str, int]
    sums: dict[str, int]
    cost: dict[str, int]
    adjusted: dict[str, int]
    unpriced: dict[str, int]
    latency: dict[str, int]
    first_token: dict[str, int]

    @classmethod
    def empty(cls) -> "Totals":
        """Return sums of nothing."""
        return cls(*({} for _ in cls._fields))

    def add(self, other: "Totals") -> None:
        """Add other sums."""
        for mine, theirs in zip(self, other, strict=True):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count

    def net_cost(self) -> dict[str, int]:
        """Return the cost with what was adjusted, by currency."""
        currencies = dict.fromkeys((*self.cost, *self.adjusted))
        return {name: self.cost.get(name, 0) + self.adjusted.get(name, 0) for name in currencies}

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Add a usage record."""
        state = record.get("state", "settled")
        outcome = state if state in {"open", "abandoned"} else record.get("outcome", UNKNOWN)
        _count(self.requests, outcome)
        for name in SUMMED:
            self.sums[name] = self.sums.get(name, 0) + record.get(name, 0)
        if "cost" in record:
            currency = record.get("cost_currency", UNKNOWN)
            self.cost[currency] = self.cost.get(currency, 0) + record["cost"]
        elif state != "open":
            _count(self.unpriced, record.get("unpriced", UNKNOWN))
        if outcome == "answered":
            for histogram, name in ((self.latency, "latency_ms"), (self.first_token, "first_token_ms")):
                if name in record:
                    _count(histogram, histograms.bucket(record[name]), most=None)

    def add_adjustment(self, adjustment: Mapping[str, Any]) -> None:
        """Add a refund or a repricing."""
        currency = adjustment.get("cost_currency", UNKNOWN)
        self.adjusted[currency] = self.adjusted.get(currency, 0) + adjustment["cost"]


class DayRow(NamedTuple):
    """The row of a key and a day (`yyyy-mm-dd`, UTC).

    Attributes:
        upto: the watermark: the row has every record whose ULID's time is below it, in milliseconds since 1970.
        version: goes up with each write; 0 for a row that is not written yet.
        models: sums by provider and model.
    """

    key_id: str
    day: str
    models: dict[ModelKey, Totals]
    upto: int = 0
    version: int = 0

    @classmethod
    def of(cls, item: Item) -> "DayRow":
        """Parse an item of the usage table."""
        fields = from_item(item)
        models = {
            ModelKey(entry["provider"], entry["model"]): Totals(*(entry.get(name, {}) for name in Totals._fields))
            for entry in fields["models"]
        }
        key_id, day = fields["pk"].removeprefix("KEY#"), fields["sk"].removeprefix("DAY#")
        return cls(key_id, day, models, fields["upto"], fields["version"])

    @property
    def records(self) -> int:
        """The number of records in it."""
        return sum(sum(totals.requests.values()) for totals in self.models.values())

    def add(self, fields: Mapping[str, Any]) -> None:
        """Add a record or an adjustment, as it is in the usage table."""
        name = ModelKey.of(fields)
        if name not in self.models and len(self.models) >= MOST_MODELS:
            name = ModelKey(OTHER, OTHER)
        totals = self.models.setdefault(name, Totals.empty())
        if fields["sk"].startswith("USE#"):
            totals.add_record(fields)
        else:
            totals.add_adjustment(fields)

    def fields(self) -> dict[str, Plain | None]:
        """Return the fields of the item."""
        models = [
            {"provider": name.provider, "model": name.model}
            | {field: counts for field, counts in totals._asdict().items() if counts}
            for name, totals in self.models.items()
        ]
        return {
            "pk": f"KEY#{self.key_id}",
            "sk": f"DAY#{self.day}",
            "version": self.version,
            "upto": self.upto,
            "models": models,
        }


def _count(counts: dict[str, int], name: str, most: int | None = MOST_NAMES) -> None:
    if most is not None and name not in counts and len(counts) >= most:
        name = OTHER
    counts[name] = counts.get(name, 0) + 1
