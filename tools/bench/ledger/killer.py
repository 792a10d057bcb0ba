"""`python -m tools.bench.ledger.killer`: a process that forks function processes and kills them at random moments.

Its clock, that of `time.time` and `time.time_ns`, is ahead by SKEW seconds before anything of the gateway is imported,
as libfaketime would have it. The processes run the chat function's own objects and make call after call; one of ten
runs reconcile instead. When so many were killed, the result is printed as one JSON line.
"""

import functools
import json
import math
import os
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

_PROCESSES = 3
_MOST_CALLS = 8
"""A process is killed in one of its first calls."""
_FIRST_CALL_S = 0.1
"""Within so many seconds of a first call the kill comes, and of others within the mean duration of those before."""
_KILLED_IN_START = 0.1
"""The share of processes whose time runs from the fork."""
_POLL_S = 0.005
_RECONCILES = 0.1
"""The share of processes that run reconcile."""
_CALL_S = 20.0
"""Seconds of an invocation."""
_STATUSES = os.memfd_create("statuses")
"""The first digit of each response's status, which survives the process that wrote it."""
_DEVNULL = os.open(os.devnull, os.O_WRONLY)


class Orders(NamedTuple):
    """What a killer does: the seconds by which its clock is ahead, the processes to kill, and the keys to call with."""

    skew: int
    kills: int
    tokens: tuple[str, ...]
    seed: int


class Result(NamedTuple):
    """What it did: killed function processes and reconciles, reconciles that ended before, and failed processes.

    `answers`, `refusals` and `errors` are the responses of calls that ended: status 2xx, 4xx and 5xx.
    """

    functions_killed: int = 0
    reconciles_killed: int = 0
    reconciles_ended: int = 0
    failed: int = 0
    answers: int = 0
    refusals: int = 0
    errors: int = 0


class _Process:
    """A forked process, which is killed at a random moment of call number `calls`; 0: of its start.

    It writes a byte into the pipe `ready` at the start of each call.
    """

    def __init__(self, pid: int, ready: int, calls: int, fraction: float, *, is_reconcile: bool) -> None:
        self.pid = pid
        self.is_reconcile = is_reconcile
        self._ready = ready
        self._calls = calls
        self._fraction = fraction
        self._seen = 0
        self._first = 0.0
        self._ends_at = math.inf if calls else time.monotonic() + fraction * _FIRST_CALL_S

    def is_over(self) -> bool:
        """Return whether its time has come."""
        now = time.monotonic()
        if self._ends_at == math.inf and select.select([self._ready], [], [], 0)[0]:
            self._first = self._first or now
            # At its end the pipe is readable and empty.
            self._seen += len(os.read(self._ready, _MOST_CALLS)) or _MOST_CALLS
            if self._seen >= self._calls:
                longest_s = (now - self._first) / (self._seen - 1) if self._seen > 1 else _FIRST_CALL_S
                self._ends_at = now + self._fraction * longest_s
        return now >= self._ends_at

    def kill(self) -> int:
        """Kill it if it still runs, and return its status."""
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self._ready)
        return status


def main() -> None:
    """Read the orders from standard input, carry them out, and print the result."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    _shift_clock(orders.skew)
    _import_function()
    sys.stdout.write(json.dumps(_run(orders)._asdict()) + "\n")


def _run(orders: Orders) -> Result:
    chance = random.Random(orders.seed)  # noqa: S311 - the moments of kills
    counts = dict.fromkeys(Result._fields, 0)
    running: list[_Process] = []
    while counts["functions_killed"] + counts["reconciles_killed"] < orders.kills:
        while len(running) < _PROCESSES:
            running.append(_start(orders, chance))
        for process in [process for process in running if process.is_over()]:
            running.remove(process)
            counts[_end(process)] += 1
        time.sleep(_POLL_S)
    for process in running:
        counts[_end(process)] += 1
    statuses = os.pread(_STATUSES, os.fstat(_STATUSES).st_size, 0)
    counts |= {name: statuses.count(digit) for name, digit in (("answers", b"2"), ("refusals", b"4"), ("errors", b"5"))}
    return Result(**counts)


def _start(orders: Orders, chance: random.Random) -> _Process:
    is_reconcile = chance.random() < _RECONCILES
    calls = 0 if chance.random() < _KILLED_IN_START else chance.randint(1, 1 if is_reconcile else _MOST_CALLS)
    seed = chance.getrandbits(64)
    ready, started = os.pipe()
    pid = os.fork()
    if pid == 0:
        tell = functools.partial(os.write, started, b"!")
        work = (
            functools.partial(_reconcile, tell) if is_reconcile else functools.partial(_make_calls, tell, orders.tokens)
        )
        _run_child(functools.partial(work, seed))
    os.close(started)
    return _Process(pid, ready, calls, chance.random(), is_reconcile=is_reconcile)


def _end(process: _Process) -> str:
    """Kill a process, and return the field of the result that counts it."""
    status = process.kill()
    if os.WIFSIGNALED(status):
        return "reconciles_killed" if process.is_reconcile else "functions_killed"
    return "failed" if os.WEXITSTATUS(status) else "reconciles_ended"


def _run_child(work: Callable[[], None]) -> None:
    """Run the work of a forked process, with its log thrown away, and end the process."""
    os.dup2(_DEVNULL, 1)
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - a fork must not return into its parent's code
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _make_calls(tell: Callable[[], object], tokens: tuple[str, ...], seed: int) -> None:
    """Make calls as a function's process does, one after the other, until the process is killed."""
    from chat import handler  # noqa: PLC0415 - its import starts the function
    from qwen_gateway.api import HttpExchange  # noqa: PLC0415
    from qwen_gateway.runtime import EventStream  # noqa: PLC0415

    chance = random.Random(seed)  # noqa: S311
    while True:
        tell()
        with HttpExchange(_event(chance.choice(tokens))) as exchange:
            # The provider's log shows which calls reached it.
            body = {"user": exchange.request.ids.ulid, "stream": chance.random() < 0.5, **_BODY}  # noqa: PLR2004
            request = exchange.request._replace(body=json.dumps(body).encode())
            exchange.respond(handler._service().complete(request, _CALL_S))  # noqa: SLF001 - the function's objects
        response = exchange.response
        if isinstance(response, EventStream):
            for _ in response.chunks:
                pass
        status = response.status if isinstance(response, EventStream) else response["statusCode"]
        os.write(_STATUSES, str(status)[:1].encode())


_BODY = {
    "model": "qwen-plus",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Say hello."}],
}


def _event(token: str) -> Mapping[str, Any]:
    return {"headers": {"authorization": f"Bearer {token}"}, "requestContext": {}, "body": ""}


def _reconcile(tell: Callable[[], object], seed: int) -> None:
    """Run reconcile once; in two of three runs its clock is so far ahead that it closes calls that run."""
    from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S  # noqa: PLC0415
    from qwen_gateway.ledger.reconcile import Reconcile  # noqa: PLC0415
    from tools.bench.ledger.emulation import TABLES  # noqa: PLC0415

    ahead = random.Random(seed).choice((0, HOLD_LIFETIME_S - 1, HOLD_LIFETIME_S + 300))  # noqa: S311
    tell()
    Reconcile(_reconcile_client(), TABLES, time.time() + ahead, SilentReporter()).run()


@functools.cache
def _reconcile_client() -> Any:
    import boto3  # noqa: PLC0415 - no part of the function

    return boto3.client("dynamodb")


class SilentReporter:
    """Tells nothing: what a run leaves, the next one finds."""

    def failed(self, key_id: str, failure: Exception) -> None:
        """Ignore it."""

    def alerted(self, key_id: str, alert: Any) -> None:
        """Ignore it."""


def _shift_clock(skew: int) -> None:
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + skew
    time.time_ns = lambda: nanoseconds() + skew * 10**9


def _import_function() -> None:
    """Import what the function needs, and create its clients, so that a fork starts at once. No connection is open."""
    import chat.service  # noqa: F401, PLC0415
    import qwen_gateway.provider_keys.secrets_manager  # noqa: PLC0415
    import qwen_gateway.runtime  # noqa: F401, PLC0415
    import tools.bench.ledger.emulation  # noqa: F401, PLC0415
    from qwen_gateway import aws  # noqa: PLC0415

    for create in (aws.dynamodb, aws.dynamodb_once, aws.secretsmanager, _reconcile_client):
        create()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
