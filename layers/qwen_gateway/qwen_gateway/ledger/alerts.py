"""Alerts: a key has spent 80 or 100 per cent of its budget, told once in a period (docs/ledger.md)."""

from collections.abc import Callable
from typing import NamedTuple

from qwen_gateway.ledger.expressions import Update
from qwen_gateway.ledger.key_snapshot import KeySnapshot
from qwen_gateway.ledger.keys_table import Written

ALERT_LEVELS = (100, 80)
"""Per cent of a budget, the highest first."""


class Alert(NamedTuple):
    """A key has spent `level` per cent of its budget. Amounts are pico-units."""

    level: int
    budget: int
    spent: int

    @property
    def metric(self) -> str:
        """The metric that counts it."""
        return f"budget_spent_{self.level}"

    def log_fields(self) -> dict[str, int]:
        """Return the fields of its log line."""
        return {"percent": self.level, "budget": self.budget, "spent": self.spent}


def claim_alert(write: Callable[[Update], Written], snapshot: KeySnapshot) -> Alert | None:
    """Return the alert that a key's item calls for, if nobody has told it yet.

    Args:
        write: sends a write of the key's item.
        snapshot: the item.
    """
    alert = _find_alert(snapshot)
    return alert if alert and write(mark_alert(alert.level, alert.budget)).applied else None


def mark_alert(level: int, budget: int) -> Update:
    """Mark that `level` per cent of the budget are spent. It is applied once in a period."""
    return Update(
        "SET #alerted = :level",
        "#alerted < :level AND #spent >= :threshold AND #budget = :budget",
        {"level": level, "threshold": _threshold(level, budget), "budget": budget},
    )


def _find_alert(snapshot: KeySnapshot) -> Alert | None:
    """Return the highest level that is reached and not marked."""
    budget = snapshot.budget or 0
    reached = [level for level in ALERT_LEVELS if budget and snapshot.spent >= _threshold(level, budget)]
    is_new = bool(reached) and snapshot.alerted < reached[0]
    return Alert(reached[0], budget, snapshot.spent) if is_new else None


def _threshold(level: int, budget: int) -> int:
    return -(-budget * level // 100)
