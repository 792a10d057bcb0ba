"""`set_key` (docs/ledger.md): the write that changes the settings of a key while its calls run.

Calls change `remaining` and `spent` all the time without touching `version`. So money moves by differences, and is
computed from what was read only where the condition says that it is still the same.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

from qwen_gateway.ledger.dynamodb import Plain
from qwen_gateway.ledger.expressions import Update, update_expression
from qwen_gateway.ledger.key_limits import KeyLimits
from qwen_gateway.ledger.key_snapshot import KeySnapshot, OnLimit
from qwen_gateway.ledger.periods import Period, end_of_period


class KeyChanges(TypedDict, total=False):
    """The settings to change, by name. None removes a limit."""

    expires: int | None
    budget: int | None
    period: Period | None
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    models: tuple[str, ...] | None
    default_max_output: int
    on_limit: OnLimit


class KeySettings(NamedTuple):
    """The settings that a change can touch. `expires` is in seconds since 1970; None: never."""

    expires: int | None
    limits: KeyLimits

    @classmethod
    def of(cls, key: KeySnapshot) -> "KeySettings":
        """Return the settings of a key."""
        return cls(key.key.expires, KeyLimits.of(key))

    def change(self, changes: KeyChanges) -> "KeySettings":
        """Return the settings with the changes, and with what a budget implies."""
        changed: dict[str, Any] = {**changes}
        expires = changed.pop("expires", self.expires)
        if changed.get("budget", self.limits.budget) is None:
            changed["period"] = None
        return KeySettings(expires, self.limits._replace(**changed).complete())

    def fields(self) -> Mapping[str, Plain | None]:
        """Return the attributes of the item; None is an absent one."""
        return {"expires": self.expires, **self.limits.fields()}


def set_key(before: KeySnapshot, after: KeySettings, change: str, now: int) -> Update:
    """Return the write for the key that was read and the settings that it shall have.

    Args:
        before: the key that was read.
        after: its new settings.
        change: the ULID by which a repeated write knows itself.
        now: seconds since 1970.
    """
    assignments = ["#version = :next", "#change = :change"]
    removals: list[str] = []
    values: dict[str, Plain] = {"next": before.version + 1, "read": before.version, "change": change}
    old = KeySettings.of(before).fields()
    for name, value in after.fields().items():
        if value == old[name]:
            continue
        if value is None:
            removals.append(f"#{name}")
        else:
            assignments.append(f"#{name} = :{name}")
            values[name] = value
    money = _Money(before, after.limits, now)
    return Update(
        update_expression(assignments + money.assignments, removals + money.removals),
        " AND ".join(["#version = :read", "attribute_exists(#remaining)", *money.conditions]),
        values | money.values,
    )


class _Money:
    """What a change of budget or period does to the counters."""

    def __init__(self, before: KeySnapshot, after: KeyLimits, now: int) -> None:
        self.assignments: list[str] = []
        self.removals: list[str] = []
        self.conditions: list[str] = []
        self.values: dict[str, Plain] = {}
        if (before.budget, before.period) == (after.budget, after.period):
            return
        self.assignments.append("#alerted = :zero")
        self.values["zero"] = 0
        difference = (after.budget or 0) - (before.budget or 0)
        if after.period is None or after.period == before.period:
            self._move(difference)
            if after.period is None:
                self.removals.append("#period_end")
        else:
            self._roll(difference, before.spent)
            self._end_period(end_of_period(after.period, now))

    def _move(self, difference: int) -> None:
        self.assignments.append("#remaining = #remaining + :more")
        self.values["more"] = difference

    def _roll(self, difference: int, spent: int) -> None:
        self.assignments += ["#total = #total + #spent", "#spent = :zero"]
        if difference:
            # An assignment has one operator. So `spent` is the one that was read, on the condition that it still is.
            self._move(spent + difference)
            self.conditions.append("#spent = :spent")
            self.values["spent"] = spent
        else:
            self.assignments.append("#remaining = #remaining + #spent")

    def _end_period(self, end: int | None) -> None:
        if end is None:
            self.removals.append("#period_end")
        else:
            self.assignments.append("#period_end = :end")
            self.values["end"] = end
