"""The response headers that tell a client the limits of its key, as OpenAI's clients know them."""

from qwen_gateway.ledger import KeySnapshot, exceeded_limits


def build_limit_headers(snapshot: KeySnapshot, now: int) -> dict[str, str]:
    """Return the limits that a key has a minute, what is left of each, and when it starts again.

    `snapshot` is the key's item at `now`, in seconds since 1970.
    """
    limits = {
        "requests": (snapshot.rpm, snapshot.requests(now)),
        "tokens": (snapshot.tpm, snapshot.tokens(now)),
    }
    headers: dict[str, str] = {}
    for name, (limit, used) in limits.items():
        if limit is not None:
            headers[f"x-ratelimit-limit-{name}"] = str(limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(max(0, limit - used))
            headers[f"x-ratelimit-reset-{name}"] = f"{60 - now % 60}s"
    return headers


def build_shadow_header(snapshot: KeySnapshot, now: int) -> dict[str, str]:
    """Return the header with the limits that would have refused an admitted call of a key in shadow mode."""
    exceeded = exceeded_limits(snapshot, now) if snapshot.warns else []
    return {"x-gateway-limits-exceeded": ", ".join(exceeded)} if exceeded else {}
