"""The benchmark with few calls: it reports every figure for every contender."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.stack.repository import Repository
from tools.bench import measurements
from tools.bench.command import measure_functions, measure_streams
from tools.bench.stream import measurements as stream_measurements

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform != "linux", reason="Lambda's runtime emulator is a Linux program"),
]

CONTENDERS = {"plain", "plain + bytecode", "gateway"}


@pytest.fixture
def built(repository: Repository, welcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to the folder of a built repository."""
    Repository(tmp_path).copy_build(repository)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def figures(built: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return the output of a short `make bench OPTIONS=--json`."""
    for name, value in (("_STARTS", 2), ("_CALLS", 50), ("_WARM_UP_CALLS", 25), ("_IMPORT_ROUNDS", 1)):
        monkeypatch.setattr(measurements, name, value)
    measure_functions(as_json=True)
    return json.loads(capsys.readouterr().out)


def test_each_contender_is_measured_over_http_and_tls(figures: Any) -> None:
    assert set(figures["connections"]) == {"http", "tls"}
    for contenders in figures["connections"].values():
        assert set(contenders) == CONTENDERS
        for measured in contenders.values():
            assert measured["cold_ms"]["median"] > measured["warm_ms"]["median"] > measured["overhead_ms"] > 0
            assert measured["processor_ms"] > 0
            assert measured["memory_mb_after_1000"] >= measured["memory_mb_after_100"] > 10
        assert contenders["plain"]["cold_of_plain"] == 1

    assert figures["sizes"]["plain + bytecode"]["unzipped"] > figures["sizes"]["plain"]["unzipped"]
    assert all(size["unzipped"] > size["zipped"] > 1_000_000 for size in figures["sizes"].values())
    assert next(iter(figures["imports_ms"])) == "openai"


def test_streams_are_measured_against_the_provider_and_a_plain_relay(
    built: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("_ROUNDS", {20: 2, 300: 1}), ("_RELAY_ROUNDS", 4), ("_STREAMS", 20), ("_WARM_UP_STREAMS", 10)):
        monkeypatch.setattr(stream_measurements, name, value)

    measure_streams(as_json=True)

    figures = json.loads(capsys.readouterr().out)
    for measured in figures["streams"].values():
        assert measured["leaked"] == 0
        for part in ("first", "total"):
            assert measured[part]["gateway_ms"] > 0 < measured[part]["direct_ms"]
        assert measured["total"]["direct_ms"] > measured["first"]["direct_ms"]
    assert set(figures["chunk"]) == {"0", "1"}
    assert figures["aws_ms"] > 0
    assert all(mb > 10 for mb in figures["memory_mb"].values())
