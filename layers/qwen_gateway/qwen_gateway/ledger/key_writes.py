"""The writes of a key's item beside those that admit a call (docs/ledger.md).

Anyone may repeat each, because it makes its own condition false; the exception is `count_tokens`.
"""

from collections.abc import Callable, Sequence

from qwen_gateway.ledger.expressions import Update, update_expression
from qwen_gateway.ledger.key_snapshot import DEFAULT_MAX_OUTPUT, KeySnapshot
from qwen_gateway.ledger.keys_table import Written
from qwen_gateway.ledger.periods import Period, end_of_period

STALE_S = 600
"""Age of a minute's counters after which they may be removed: the margin of the clocks."""
_COUNT_TOKENS = "#window.#tokens = if_not_exists(#window.#tokens, :zero) + :count"


def raise_hold(hold: str, old: int, new: int) -> Update:
    """Hold `new` instead of `old`, for the next attempt after one that the provider may charge."""
    return Update(
        "SET #holds.#hold = :new, #remaining = #remaining - :more",
        "#holds.#hold = :old AND (#remaining >= :more OR #on_limit = :warn OR attribute_not_exists(#budget))",
        {"new": new, "old": old, "more": new - old, "warn": "warn"},
        {"hold": hold},
    )


def release(
    hold: str, amount: int, cost: int, *, tokens: tuple[str, int] | None = None, stale: Sequence[str] = ()
) -> Update:
    """Close a hold of `amount` at a cost.

    Args:
        hold: the name of the hold.
        amount: what it holds.
        cost: what the call costs, in pico-units.
        tokens: the counter of the minute and the tokens to add, for a key with tpm.
        stale: the counters of past minutes to remove.
    """
    minute, count = tokens or ("", 0)
    aliases = {f"stale{i}": name for i, name in enumerate(stale)}
    return Update(
        update_expression(
            [
                "#remaining = #remaining + :back",
                "#spent = #spent + :cost",
                *([_COUNT_TOKENS] if tokens else []),
            ],
            ["#holds.#hold", *(f"#window.#{alias}" for alias in aliases)],
        ),
        "#holds.#hold = :amount",
        {"back": amount - cost, "cost": cost, "amount": amount, "zero": 0, "count": count},
        {"hold": hold, "tokens": minute, **aliases},
    )


def release_also_raised(  # noqa: PLR0913 - the facts of the write
    write: Callable[[Update], Written],
    hold: str,
    amount: int,
    cost: int,
    *,
    tokens: tuple[str, int] | None = None,
    stale: Sequence[str] = (),
) -> Written:
    """Release a hold, also one that a raise has changed meanwhile. A hold that is gone was released before."""
    while True:
        written = write(release(hold, amount, cost, tokens=tokens, stale=stale))
        held = written.item.holds.get(hold) if written.item else None
        if written.applied or held is None:
            return written
        amount = held


def count_tokens(minute: str, count: int) -> Update:
    """Add to the tokens of a minute. It is sent once: a lost write leaves the tokens of one call uncounted."""
    return Update(
        update_expression([_COUNT_TOKENS]),
        "attribute_exists(#id) AND attribute_exists(#window)",
        {"zero": 0, "count": count},
        {"tokens": minute},
    )


def roll_period(period: Period, now: int) -> Update:
    """Start the period in which `now` lies, of a key whose period ends. Open holds stay as they are."""
    return Update(
        "SET #remaining = #remaining + #spent, #total = #total + #spent, #spent = :zero, #alerted = :zero, "
        "#period_end = :next",
        "#period_end <= :now AND #period = :period",
        {"zero": 0, "now": now, "next": end_of_period(period, now) or now, "period": period},
    )


def adopt() -> Update:
    """Give an item from before the ledger its state."""
    initial = {
        "remaining": "zero",
        "spent": "zero",
        "total": "zero",
        "alerted": "zero",
        "window": "empty",
        "holds": "empty",
        "default_max_output": "default",
    }
    return Update(
        update_expression([f"#{name} = if_not_exists(#{name}, :{value})" for name, value in initial.items()]),
        "attribute_exists(#id) AND attribute_not_exists(#remaining)",
        {"zero": 0, "empty": {}, "default": DEFAULT_MAX_OUTPUT},
    )


def sweep_window(stale: Sequence[str]) -> Update:
    """Remove the counters of past minutes."""
    aliases = {f"stale{i}": name for i, name in enumerate(stale)}
    return Update(
        update_expression([], [f"#window.#{alias}" for alias in aliases]), "attribute_exists(#window)", {}, aliases
    )


def stale_counters(snapshot: KeySnapshot, now: int) -> list[str]:
    """Return the counters of minutes that ended more than 600 s ago."""
    return [name for name in snapshot.window if (int(name[1:]) + 1) * 60 < now - STALE_S]
