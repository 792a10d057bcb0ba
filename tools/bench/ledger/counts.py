"""`python -m tools.bench.ledger.counts`: what one call of the chat function asks of AWS, counted on botocore's events.

It reads the tokens of the cases from standard input, and prints the counts as one JSON line. A write unit is a KB begun
of the item, before or after the write, whichever is larger (DynamoDB developer guide, "Capacity unit consumption").
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

_CALLS = 5
_CALL_S = 60.0
_UNIT_BYTES = 1_024
_WRITES = frozenset({"PutItem", "UpdateItem"})
_BODY = {"model": "qwen-plus", "max_tokens": 100, "messages": [{"role": "user", "content": "Say hello."}]}


class PerCall(NamedTuple):
    """What each call of a case did: its status, its requests to AWS, how many of them write, and their write units."""

    status: int
    aws_calls: float
    writes: float
    write_units: float


class _Counter:
    """Counts the requests of botocore clients, repeated ones too."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.units = 0
        self._sizes: dict[str, int] = {}
        """Of the keys' items, as last seen."""

    def watch(self, client: Any) -> None:
        client.meta.events.register("before-send", lambda request, **_: self._send(request))
        client.meta.events.register("provide-client-params.dynamodb.PutItem", lambda params, **_: self._put(params))
        client.meta.events.register("after-call.dynamodb.UpdateItem", lambda parsed, **_: self._update(parsed))

    def _send(self, request: Any) -> None:
        target = request.headers["X-Amz-Target"]
        self.sent.append((target.decode() if isinstance(target, bytes) else target).rpartition(".")[2])

    def _put(self, params: Mapping[str, Any]) -> None:
        self.units += units(size(params["Item"]))

    def _update(self, parsed: Mapping[str, Any]) -> None:
        item = parsed.get("Attributes") or parsed["Item"]
        key_id, after = item["id"]["S"], size(item)
        self.units += units(max(self._sizes.get(key_id, 0), after))
        self._sizes[key_id] = after


def size(item: Mapping[str, Any]) -> int:
    """Return the bytes of an item by the rules of the developer guide, "DynamoDB item sizes and formats"."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def units(item_bytes: int) -> int:
    """Return the write units of an item of this size."""
    return max(1, -(-item_bytes // _UNIT_BYTES))


def _value_size(attribute: Mapping[str, Any]) -> int:
    ((kind, value),) = attribute.items()
    match kind:
        case "S":
            return len(str(value).encode())
        case "N":
            digits = len(str(value).lstrip("-").rstrip("0"))
            return (digits + 1) // 2 + 1 + int(str(value).startswith("-"))
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in value.items())
        case "L":
            return 3 + sum(1 + _value_size(each) for each in value)
    return 1


def main() -> None:
    """Count the calls of each case."""
    cases: Mapping[str, str] = json.loads(sys.stdin.readline())
    result = os.fdopen(os.dup(1), "w")
    # The function's log goes elsewhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from chat import handler  # noqa: PLC0415 - its import starts the function
    from qwen_gateway import aws  # noqa: PLC0415

    counter = _Counter()
    for client in (aws.dynamodb(), aws.dynamodb_once(), aws.secretsmanager()):
        counter.watch(client)
    counts = {name: _count(handler.lambda_handler, counter, token)._asdict() for name, token in cases.items()}
    print(json.dumps(counts), file=result, flush=True)


def _count(handle: Any, counter: _Counter, token: str) -> PerCall:
    """Make the calls after one that lets the function know the key."""
    event = {"headers": {"authorization": f"Bearer {token}"}, "requestContext": {}, "body": json.dumps(_BODY)}
    handle(event, _Context())
    counter.sent.clear()
    counter.units = 0
    statuses = {handle(event, _Context())["statusCode"] for _ in range(_CALLS)}
    (status,) = statuses
    writes = sum(operation in _WRITES for operation in counter.sent)
    return PerCall(status, len(counter.sent) / _CALLS, writes / _CALLS, counter.units / _CALLS)


class _Context:
    """The part of Lambda's context that the handler uses."""

    function_name = "chat"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return int(_CALL_S * 1000)


if __name__ == "__main__":
    main()
