"""`set_key` (docs/ledger.md): the write that changes the settings of a key while its calls run.

Calls change `remaining` and `spent` all the time without touching `version`. So money moves by differences, and is
computed from what was read only where the condition says that it is still the same.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

from qwen_gateway.ledger.dynamodb import Plain
from qwen_gateway.ledger.expressions import expressions, update_expression
from qwen_gateway.ledger.key_settings import Key, KeyLimits, KeySettings, OnLimit
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


def apply_changes(settings: KeySettings, changes: KeyChanges) -> KeySettings:
    """Return the settings with the changes, and with what a budget implies."""
    changed: dict[str, Any] = {**changes}
    expires = changed.pop("expires", settings.expires)
    if changed.get("budget", settings.limits.budget) is None:
        changed["period"] = None
    limits = settings.limits._replace(**changed).complete()
    return settings._replace(expires=expires, limits=limits)


def set_key(before: Key, after: KeySettings, change: str, now: int) -> dict[str, Any]:
    """Return the expressions of the write, for the key that was read and the settings that it shall have.

    Args:
        before: the key that was read.
        after: its new settings.
        change: the ULID by which a repeated write knows itself.
        now: seconds since 1970.
    """
    assignments = ["#version = :next", "#change = :change"]
    removals: list[str] = []
    values: dict[str, Plain] = {
        ":next": before.settings.version + 1,
        ":read": before.settings.version,
        ":change": change,
    }
    for name, value in _changed_fields(before.settings, after).items():
        if value is None:
            removals.append(f"#{name}")
        else:
            assignments.append(f"#{name} = :{name}")
            values[f":{name}"] = value
    money = _Money(before, after.limits, now)
    return expressions(
        values | money.values,
        UpdateExpression=update_expression(assignments + money.assignments, removals + money.removals),
        ConditionExpression=" AND ".join(
            ["#version = :read", "attribute_exists(#remaining)", *money.conditions],
        ),
    )


def _changed_fields(before: KeySettings, after: KeySettings) -> Mapping[str, Plain | None]:
    old = {"expires": before.expires, **before.limits.fields()}
    new = {"expires": after.expires, **after.limits.fields()}
    return {name: value for name, value in new.items() if value != old[name]}


class _Money:
    """What a change of budget or period does to the counters."""

    def __init__(self, before: Key, after: KeyLimits, now: int) -> None:
        self.assignments: list[str] = []
        self.removals: list[str] = []
        self.conditions: list[str] = []
        self.values: dict[str, Plain] = {}
        old = before.settings.limits
        if (old.budget, old.period) == (after.budget, after.period):
            return
        self.assignments.append("#alerted = :zero")
        self.values[":zero"] = 0
        difference = (after.budget or 0) - (old.budget or 0)
        if after.period is None or after.period == old.period:
            self._move(difference)
            if after.period is None:
                self.removals.append("#period_end")
        else:
            self._roll(difference, before.account.spent)
            self._end_period(end_of_period(after.period, now))

    def _move(self, difference: int) -> None:
        self.assignments.append("#remaining = #remaining + :more")
        self.values[":more"] = difference

    def _roll(self, difference: int, spent: int) -> None:
        self.assignments += ["#total = #total + #spent", "#spent = :zero"]
        if difference:
            # An assignment has one operator. So `spent` is the one that was read, on the condition that it still is.
            self._move(spent + difference)
            self.conditions.append("#spent = :spent")
            self.values[":spent"] = spent
        else:
            self.assignments.append("#remaining = #remaining + #spent")

    def _end_period(self, end: int | None) -> None:
        if end is None:
            self.removals.append("#period_end")
        else:
            self.assignments.append("#period_end = :end")
            self.values[":end"] = end
