"""The writes of a key's item beside those that admit a call. Anyone may repeat each, except `count_tokens`."""

from collections.abc import Sequence
from contextlib import suppress

from qwen_gateway.ledger.key_snapshot import DEFAULT_MAX_OUTPUT, KeySnapshot
from qwen_gateway.ledger.keys_table import KeysTable, Update, WriteFailed, WriteUnclear, Written
from qwen_gateway.ledger.periods import next_period_end

STALE_S = 600
"""Age of a minute's counters after which they may be removed: the margin of the clocks."""


def raise_hold(table: KeysTable, key_id: str, hold: str, old: int, new: int) -> Written:
    """Hold `new` instead of `old`, for the next attempt after one that the provider may charge."""
    update = Update(
        "SET #holds.#hold = :new, #remaining = #remaining - :more",
        "#holds.#hold = :old AND (#remaining >= :more OR #on_limit = :warn OR attribute_not_exists(#budget))",
        {"hold": hold},
        {"new": new, "old": old, "more": new - old, "warn": "warn"},
    )
    return table.write(key_id, update)


def release(  # noqa: PLR0913 - the facts of the write
    table: KeysTable,
    key_id: str,
    hold: str,
    amount: int,
    cost: int,
    *,
    tokens: tuple[str, int] | None = None,
    stale: Sequence[str] = (),
) -> Written:
    """Close a hold of `amount` at a cost.

    Args:
        table: the keys table.
        key_id: the id of the key.
        hold: the name of the hold.
        amount: what it holds.
        cost: what the call costs, in pico-units.
        tokens: the counter of the minute and the tokens to add, for a key with tpm.
        stale: the counters of past minutes to remove.
    """
    count = ", #window.#tokens = if_not_exists(#window.#tokens, :zero) + :count" if tokens else ""
    removed = "".join(f", #window.#stale{i}" for i in range(len(stale)))
    update = Update(
        f"SET #remaining = #remaining + :back, #spent = #spent + :cost{count} REMOVE #holds.#hold{removed}",
        "#holds.#hold = :amount",
        {
            "hold": hold,
            **({"tokens": tokens[0]} if tokens else {}),
            **{f"stale{i}": name for i, name in enumerate(stale)},
        },
        {"back": amount - cost, "cost": cost, "amount": amount, "zero": 0, "count": tokens[1] if tokens else 0},
    )
    return table.write(key_id, update)


def count_tokens(table: KeysTable, key_id: str, minute: str, count: int) -> None:
    """Add to the tokens of a minute. It is sent once: a lost write leaves the tokens of one call uncounted."""
    update = Update(
        "SET #window.#tokens = if_not_exists(#window.#tokens, :zero) + :count",
        "attribute_exists(#id) AND attribute_exists(#window)",
        {"tokens": minute},
        {"zero": 0, "count": count},
    )
    with suppress(WriteFailed, WriteUnclear):
        table.write_once(key_id, update)


def roll_period(table: KeysTable, snapshot: KeySnapshot, now: int) -> Written:
    """Start the period in which `now` lies. Open holds stay as they are."""
    update = Update(
        "SET #remaining = #remaining + #spent, #total = #total + #spent, "
        "#spent = :zero, #alerted = :zero, #period_end = :next",
        "#period_end <= :now AND #period = :period",
        {},
        {
            "zero": 0,
            "now": now,
            "next": next_period_end(snapshot.period, now) or now,
            "period": snapshot.period or "total",
        },
    )
    return table.write(snapshot.key.id, update)


_STATE_VALUES = {
    "remaining": ":zero",
    "spent": ":zero",
    "total": ":zero",
    "alerted": ":zero",
    "window": ":empty",
    "holds": ":empty",
    "default_max_output": ":default",
}


def adopt(table: KeysTable, key_id: str) -> Written:
    """Give an item from before the ledger its state."""
    update = Update(
        "SET " + ", ".join(f"#{name} = if_not_exists(#{name}, {value})" for name, value in _STATE_VALUES.items()),
        "attribute_exists(#id) AND attribute_not_exists(#remaining)",
        {},
        {"zero": 0, "empty": {}, "default": DEFAULT_MAX_OUTPUT},
    )
    return table.write(key_id, update)


def mark_alert(table: KeysTable, key_id: str, level: int, budget: int) -> bool:
    """Mark that `level` per cent of the budget are spent; return whether this write did, so that it is told once."""
    update = Update(
        "SET #alerted = :level",
        "#alerted < :level AND #spent >= :threshold AND #budget = :budget",
        {},
        {"level": level, "threshold": alert_threshold(level, budget), "budget": budget},
    )
    return table.write(key_id, update).applied


def alert_threshold(level: int, budget: int) -> int:
    """Return the amount of `level` per cent of a budget, rounded up."""
    return -(-budget * level // 100)


def stale_counters(snapshot: KeySnapshot, now: int) -> list[str]:
    """Return the counters of minutes that ended more than 600 s ago."""
    return [name for name in snapshot.window if (int(name[1:]) + 1) * 60 < now - STALE_S]
