"""What a key has used: the route, and the schema of its response."""

from tools.openapi.operations import Operation
from tools.openapi.schemas import COUNT, Json, build_closed_object

_SUMS = {
    "requests": {**COUNT, "description": "Calls with a record, answered or not."},
    "answered": COUNT,
    "tokens_in": COUNT,
    "tokens_out": COUNT,
    "tokens_cached": {**COUNT, "description": "Part of tokens_in."},
    "tokens_cache_write": {**COUNT, "description": "Part of tokens_in."},
    "tokens_thinking": {**COUNT, "description": "Part of tokens_out."},
    "cost": {
        "type": "object",
        "description": "By currency (ISO 4217), with refunds and corrections.",
        "additionalProperties": {"type": "number"},
    },
    "unpriced": {**COUNT, "description": "Calls whose cost is not known."},
}


def _build_sums(**fields: Json) -> Json:
    return build_closed_object(fields | _SUMS)


_BUDGET = build_closed_object(
    {
        "period": {"enum": ["day", "month", "total"]},
        "period_end": {"type": ["integer", "null"], "description": "Seconds since 1970; null for total."},
        "currency": {"type": "string"},
        "amount": {"type": "number"},
        "spent": {"type": "number"},
        "held": {"type": "number", "description": "For calls that run."},
        "remaining": {"type": "number"},
    },
    type=["object", "null"],
    description="The budget with its counters as they are now; null without a budget.",
)
_DAY = build_closed_object(
    {
        "date": {"type": "string", "format": "date", "description": "In UTC."},
        "models": {"type": "array", "items": _build_sums(provider={"type": "string"}, model={"type": "string"})},
    }
)
USAGE = build_closed_object(
    {
        "object": {"const": "usage"},
        "complete_until": {
            "type": ["integer", "null"],
            "description": "The time before which all calls are in the sums, in seconds since 1970; null without any.",
        },
        "budget": _BUDGET,
        "today": _build_sums(),
        "period": _build_sums(start={"type": "integer", "description": "Seconds since 1970."}),
        "days": {"type": "array", "items": _DAY},
    }
)

OPERATIONS = {
    ("GET", "/v1/usage"): Operation(
        id="showUsage",
        summary="Show what the key has used",
        description="Today and this period (the key's day, or else this month), and each day of the month by model. "
        "Calls of about the last half hour are only in the counters of the budget.",
        response="Usage",
    ),
}
