"""Each cause of tests/failures, by each way in which a provider shows it, over real HTTP: exactly what its row says."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from qwen_gateway_cli.local.provider import RunningProvider
from tests.builders import chat_request, whole_stream
from tests.failures.rows import ATTEMPTS, ROWS, Row, Way
from tests.integration.chat.conftest import HURRIED, PATIENT, Answer, Gateway, MakeGateway
from tests.integration.chat.scripted import (
    Play,
    closes,
    event_stream,
    hangs,
    one_after_another,
    resets,
    says,
    scripted_provider,
)

MARKED = "marked words of a prompt"
SECONDS = 28.0
TARGETS = {
    "1": {"provider": "dashscope", "model": "qwen3-max"},
    "2": {"provider": "dashscope", "model": "qwen-plus"},
    "3": {"provider": "holysheep", "model": "qwen-flash"},
}
LADDER = list(TARGETS.values())
NUMBERS = {(target["provider"], target["model"]): number for number, target in TARGETS.items()}

# Where a provider is looked for that cannot be reached; the stand-in's URL is given.
ELSEWHERE: dict[str, Callable[[str], str]] = {
    "nobody listens": lambda _: "http://127.0.0.1:1",
    "no such name": lambda _: "http://no-such-host.invalid",
    "no TLS": lambda url: url.replace("http:", "https:"),
}
ANSWER = says(event_stream(whole_stream()))
# What becomes of one request after another where the stand-in has better manners; and whether all targets fail.
SCRIPTS: dict[tuple[str, bool], tuple[Play, ...]] = {
    ("resets", False): (resets, resets, ANSWER),
    ("resets", True): (resets, resets, resets, resets),
    ("reset when idle", False): (ANSWER, resets, ANSWER),
    ("closed when idle", False): (ANSWER, closes, ANSWER),
}
EVERY_WAY = [pytest.param(row, way, id=f"{row.cause}: {way.words}") for row in ROWS for way in row.ways]


class Stage(NamedTuple):
    """Where a row is played: what stands around a gateway, until the test is over."""

    make_gateway: MakeGateway
    provider: RunningProvider
    scripted: ExitStack

    def play(self, row: Row, way: Way, *, everywhere: bool) -> tuple[Gateway, Answer]:
        """Make one call while target 1 or its provider shows a cause, or every target does."""
        failing = ("dashscope", "holysheep") if everywhere else ("dashscope",)
        if way.fault:
            model = "*" if everywhere else TARGETS["1"]["model"]
            self.provider.control({"faults": [{"message": MARKED, **way.fault, "model": model, "times": 9}]})
        urls = dict.fromkeys(failing, self._url(way, everywhere=everywhere))
        gateway = self._gateway(urls, HURRIED if way.keeps_waiting else PATIENT)
        self._keep_keys(gateway, way, failing)
        if way.situation.endswith("when idle"):
            gateway.chat(chat_request(model=row.route))
        return gateway, gateway.chat(chat_request(model=row.route), seconds=SECONDS)

    def _url(self, way: Way, *, everywhere: bool) -> str:
        if way.situation == "TLS hangs":
            return self.scripted.enter_context(scripted_provider(hangs)).url.replace("http:", "https:")
        if plays := SCRIPTS.get((way.situation, everywhere)):
            return self.scripted.enter_context(scripted_provider(one_after_another(*plays))).url
        return ELSEWHERE.get(way.situation, str)(self.provider.url)

    def _gateway(self, failing: dict[str, str], timeouts: dict[str, float]) -> Gateway:
        urls = {"dashscope": self.provider.url, "holysheep": self.provider.url} | failing
        providers = {name: {"base_url": f"{url}/v1"} for name, url in urls.items()}
        routes = {"ladder": LADDER, "qwen3-max": LADDER}
        more = {"providers": providers, "routes": routes, "timeouts": timeouts}
        return self.make_gateway(self.provider.url, ATTEMPTS, more)

    def _keep_keys(self, gateway: Gateway, way: Way, failing: tuple[str, ...]) -> None:
        keys = {"dashscope": "sk-good", "holysheep": "sk-good"}
        if way.situation == "no key":
            keys = {name: key for name, key in keys.items() if name not in failing}
        if way.situation == "a new key":
            gateway.aws.store_provider_keys(**keys | dict.fromkeys(failing, "sk-invalid"))
            gateway.provider_keys.prefetch()
        gateway.aws.store_provider_keys(**keys)


@pytest.fixture
def stage(make_gateway: MakeGateway, provider: RunningProvider) -> Iterator[Stage]:
    with ExitStack() as scripted:
        yield Stage(make_gateway, provider, scripted)


@pytest.mark.parametrize(("row", "way"), EVERY_WAY)
def test_what_happens_when_one_target_fails(stage: Stage, row: Row, way: Way) -> None:
    gateway, answer = stage.play(row, way, everywhere=False)

    assert course(gateway, answer) == row.alone
    assert answer.status == (row.status if row.is_final else 200)
    attempts = gateway.record(answer)["attempts"]
    *failed, last = map(kept, attempts)
    failure = (row.recorded, way.http, row.charged)
    assert failed == [failure] * len(failed)
    assert last == (failure if row.is_final else (None, 200, "billed"))
    assert all(attempt["provider_request_id"] for attempt in attempts if "http_status" in attempt)


@pytest.mark.parametrize(("row", "way"), [each for each in EVERY_WAY if each.values[0].by_all is not None])  # type: ignore[union-attr]
def test_what_happens_when_all_targets_fail(
    stage: Stage, capsys: pytest.CaptureFixture[str], row: Row, way: Way
) -> None:
    gateway, answer = stage.play(row, way, everywhere=True)

    assert course(gateway, answer) == row.by_all
    assert (answer.status, answer.body["error"]["code"]) == (row.status, row.code)
    assert answer.headers.get("retry-after", "") == row.retry_after
    assert answer.headers.get("x-should-retry", "") == row.should_retry
    record = gateway.record(answer)
    assert (record["status"], record["outcome"]) == (row.status, row.code)
    assert {kept(attempt) for attempt in record["attempts"]} <= {(row.recorded, way.http, row.charged)}
    written = capsys.readouterr()
    assert f'"{row.code}":[1.0]' in written.out.replace(" ", ""), "no metric counts it"
    assert MARKED not in written.out + written.err + str(record)


def kept(attempt: dict[str, Any]) -> tuple[str | None, int | None, str]:
    return attempt.get("cause"), attempt.get("http_status"), attempt["charged"]


def course(gateway: Gateway, answer: Answer) -> str:
    """Return the calls that were made and the waits before them, as a row words them; the headers have to agree."""
    called = [(attempt["provider"], attempt["model"]) for attempt in gateway.record(answer)["attempts"]]
    said = tuple(answer.headers.get(f"x-gateway-{name}") for name in ("provider", "model", "attempts"))
    assert said == ((*called[-1], str(len(called))) if called else (None, None, None))
    waits = gateway.waits[len(gateway.waits) - len(called) :]
    steps = [(f"{wait:g} s, " if wait else "") + NUMBERS[each] for wait, each in zip(waits, called, strict=True)]
    return ", ".join(steps)
