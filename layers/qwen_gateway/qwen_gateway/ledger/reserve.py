"""The writes that admit a call: `reserve` for keys with a budget or a concurrency limit, `count_request` for others.

Each authenticates, checks every limit and counts the request in one conditional write (docs/ledger.md).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from qwen_gateway.ledger.dynamodb import Plain
from qwen_gateway.ledger.expressions import Update
from qwen_gateway.ledger.key_snapshot import MOST_HOLDS, KeySnapshot


class Caller(NamedTuple):
    """Who calls for what: the key's id, the token's digest, the ULID of the call, and the model name that is asked."""

    key_id: str
    token_hash: str
    ulid: str
    model: str

    def __repr__(self) -> str:
        """Omit the digest."""
        return f"Caller(key_id={self.key_id!r}, ulid={self.ulid!r})"


class Terms(NamedTuple):
    """What a call assumes of its key; the write is refused if it is not so.

    Attributes:
        has_budget: whether the key has a budget.
        amount: the pico-units to hold.
        default_max_output: the key's default, if the request names no limit.
        needs_warn: whether the key has to be in shadow mode, because a target has no bound.
    """

    has_budget: bool
    amount: int = 0
    default_max_output: int | None = None
    needs_warn: bool = False

    @property
    def checked_default(self) -> int | None:
        """The default from which the amount came."""
        return None if self.needs_warn else self.default_max_output

    def are_met_by(self, snapshot: KeySnapshot) -> bool:
        """Return whether a key is as assumed."""
        return (
            snapshot.form == "hold"
            and (snapshot.budget is not None) == self.has_budget
            and self.checked_default in {None, snapshot.default_max_output}
            and (snapshot.warns or not self.needs_warn)
        )


_AUTHENTICATED = (
    "(#token_hash = :hash OR (#previous_hash = :hash AND #previous_expires > :now))",
    "#disabled = :false",
    "(attribute_not_exists(#expires) OR #expires > :now)",
    "(attribute_not_exists(#models) OR contains(#models, :model))",
)
_RPM = "(attribute_not_exists(#rpm) OR attribute_not_exists(#window.#requests) OR #window.#requests < #rpm)"
_TPM = "(attribute_not_exists(#tpm) OR attribute_not_exists(#window.#tokens) OR #window.#tokens < #tpm)"
_COUNT = "#window.#requests = if_not_exists(#window.#requests, :zero) + :one"


def reserve(caller: Caller, terms: Terms, sends: Sequence[int], now: int) -> Update:
    """Hold the amount and count the request, as send `sends[-1]`; the others are the earlier sends of this call."""
    *earlier, n = sends
    limits = [
        *(["#remaining >= :amount"] if terms.has_budget and not terms.needs_warn else []),
        "size(#holds) < #concurrency",
        _RPM,
        _TPM,
    ]
    conditions = [
        *_AUTHENTICATED,
        *_term_conditions(terms),
        "(attribute_not_exists(#period_end) OR #period_end > :now)",
        "attribute_not_exists(#holds.#hold)",
        *(f"attribute_not_exists(#holds.#sent{i})" for i in earlier),
        "size(#holds) < :most_holds",
        f"(#on_limit = :warn OR ({' AND '.join(limits)}))",
    ]
    return Update(
        f"SET #remaining = #remaining - :amount, #holds.#hold = :amount, {_COUNT}",
        " AND ".join(conditions),
        {
            **_values(caller, now),
            "amount": terms.amount,
            "most_holds": MOST_HOLDS,
            **({} if terms.checked_default is None else {"default_max_output": terms.checked_default}),
        },
        {
            **_minute(now),
            "hold": hold_name(caller.ulid, n),
            **{f"sent{i}": hold_name(caller.ulid, i) for i in earlier},
        },
    )


def count_request(caller: Caller, now: int) -> Update:
    """Count the request of a key with rpm or tpm and without budget and concurrency."""
    conditions = [
        *_AUTHENTICATED,
        "attribute_exists(#window)",
        "attribute_not_exists(#budget)",
        "attribute_not_exists(#concurrency)",
        f"(#on_limit = :warn OR ({_RPM} AND {_TPM}))",
    ]
    return Update(f"SET {_COUNT}", " AND ".join(conditions), _values(caller, now), _minute(now))


def hold_name(ulid: str, n: int) -> str:
    """Return the name of the hold of a call's send."""
    return f"{ulid}.{n}"


def _term_conditions(terms: Terms) -> list[str]:
    if not terms.has_budget:
        return ["attribute_not_exists(#budget)", "attribute_exists(#concurrency)"]
    return [
        "attribute_exists(#budget)",
        *(["#on_limit = :warn"] if terms.needs_warn else []),
        *([] if terms.checked_default is None else ["#default_max_output = :default_max_output"]),
    ]


def _minute(now: int) -> dict[str, str]:
    return {"requests": f"r{now // 60}", "tokens": f"t{now // 60}"}


def _values(caller: Caller, now: int) -> Mapping[str, Plain]:
    return {
        "hash": caller.token_hash,
        "model": caller.model,
        "now": now,
        "warn": "warn",
        "false": False,
        "zero": 0,
        "one": 1,
    }
