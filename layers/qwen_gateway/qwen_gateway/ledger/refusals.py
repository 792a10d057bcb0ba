"""Why a condition was refused, from the item on which it was judged. The order is that of docs/ledger.md."""

import enum
import time
from collections.abc import Callable
from typing import NamedTuple

from qwen_gateway.amounts import format_exactly
from qwen_gateway.errors import (
    BudgetExhausted,
    ConcurrencyExceeded,
    GatewayError,
    InternalError,
    KeyRefused,
    ModelNotAllowed,
    RequestLimitExceeded,
    TokenLimitExceeded,
)
from qwen_gateway.ledger.api_keys import check_key, key_unknown
from qwen_gateway.ledger.key_snapshot import MOST_HOLDS, KeySnapshot
from qwen_gateway.ledger.reserve import Caller

_BUSY_RETRY_S = 1


class Cause(enum.Enum):
    """Why a write was refused, where the call does not end with it."""

    NOT_ADOPTED = enum.auto()
    TERMS_CHANGED = enum.auto()
    PERIOD_OVER = enum.auto()


class Offer(NamedTuple):
    """What a call asked of the budget, for the message of a refusal.

    `output_tokens` returns the output tokens that an amount buys for this call.
    """

    amount: int
    currency: str
    output_tokens: Callable[[int], int]


def find_cause(  # noqa: PLR0911 - the rows of a table
    snapshot: KeySnapshot | None, caller: Caller, now: int, offer: Offer, *, terms_met: bool
) -> Cause | GatewayError:
    """Return why a `reserve` or `count_request` was refused whose hold is not in the item.

    Args:
        snapshot: the returned item, None without one.
        caller: who called.
        now: the time of the write.
        offer: what it asked of the budget.
        terms_met: whether the item is as the write assumed.
    """
    if error := find_key_error(snapshot, caller, now):
        return error
    if snapshot is None or not snapshot.is_adopted:
        return Cause.NOT_ADOPTED
    if not terms_met:
        return Cause.TERMS_CHANGED
    if not_allowed := find_model_error(snapshot, caller):
        return not_allowed
    if snapshot.period_end is not None and snapshot.period_end <= now:
        return Cause.PERIOD_OVER
    if len(snapshot.holds) >= MOST_HOLDS:
        return _concurrency_exceeded(MOST_HOLDS)
    if not snapshot.warns and (exceeded := _find_limit(snapshot, now, offer)):
        return exceeded
    return InternalError(AssertionError("the condition was refused without a cause"))


def find_key_error(snapshot: KeySnapshot | None, caller: Caller, now: int) -> KeyRefused | None:
    """Return why the token is not accepted."""
    if snapshot is None:
        return key_unknown()
    try:
        check_key(snapshot.key, caller.token_hash, now)
    except KeyRefused as error:
        return error
    return None


def find_model_error(snapshot: KeySnapshot, caller: Caller) -> ModelNotAllowed | None:
    """Return the error of a model that the key may not use."""
    if snapshot.models is None or caller.model in snapshot.models:
        return None
    return ModelNotAllowed(
        f"This API key may not use the model {caller.model[:100]!r}. It may use: {', '.join(snapshot.models)}.",
        param="model",
    )


def exceeded_limits(snapshot: KeySnapshot, now: int) -> list[str]:
    """Return the limits that an admitted call exceeded, from the item after it: only in shadow mode are there any."""
    exceeded = {
        "budget": snapshot.budget is not None and (snapshot.remaining or 0) < 0,
        "requests": snapshot.rpm is not None and snapshot.requests(now) > snapshot.rpm,
        "tokens": snapshot.tpm is not None and snapshot.tokens(now) >= snapshot.tpm,
        "concurrency": snapshot.concurrency is not None and len(snapshot.holds) > snapshot.concurrency,
    }
    return [name for name, is_exceeded in exceeded.items() if is_exceeded]


def _find_limit(snapshot: KeySnapshot, now: int, offer: Offer) -> GatewayError | None:
    next_minute_s = 60 - now % 60
    if snapshot.budget is not None and (snapshot.remaining or 0) < offer.amount:
        return _budget_exhausted(snapshot, offer)
    if snapshot.rpm is not None and snapshot.requests(now) >= snapshot.rpm:
        return RequestLimitExceeded(
            f"This API key allows {snapshot.rpm} requests a minute, and they are used up. Repeat the request in "
            f"{next_minute_s} seconds.",
            retry_after=next_minute_s,
        )
    if snapshot.tpm is not None and snapshot.tokens(now) >= snapshot.tpm:
        return TokenLimitExceeded(
            f"This API key allows {snapshot.tpm} tokens a minute, and they are used up. Repeat the request in "
            f"{next_minute_s} seconds.",
            retry_after=next_minute_s,
        )
    if snapshot.concurrency is not None and len(snapshot.holds) >= snapshot.concurrency:
        return _concurrency_exceeded(snapshot.concurrency)
    return None


def _concurrency_exceeded(limit: int) -> ConcurrencyExceeded:
    return ConcurrencyExceeded(
        f"This API key allows {limit} calls at once, and as many are running. Repeat the request when one has ended.",
        retry_after=_BUSY_RETRY_S,
    )


def _budget_exhausted(snapshot: KeySnapshot, offer: Offer) -> BudgetExhausted:
    left = max(0, snapshot.remaining or 0)
    held = sum(snapshot.holds.values())
    tokens = offer.output_tokens(left)
    buys = (
        f"For this request that buys {tokens} output tokens: set max_tokens to that or less."
        if tokens
        else ("That does not cover the input of this request.")
    )
    ends = (
        "The budget has no period: the owner of the gateway has to raise it."
        if snapshot.period_end is None
        else f"The period ends at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(snapshot.period_end))}."
    )
    return BudgetExhausted(
        f"Of this API key's budget of {_money(snapshot.budget or 0, offer)}, {_money(left, offer)} are left"
        + (f" and {_money(held, offer)} are held by running calls" if held else "")
        + f"; this request may cost up to {_money(offer.amount, offer)}. {buys} {ends}"
    )


def _money(amount: int, offer: Offer) -> str:
    return f"{format_exactly(amount)} {offer.currency}"
