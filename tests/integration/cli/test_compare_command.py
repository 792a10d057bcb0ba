"""`qwen-gateway compare`: on a terminal, into a pipe, and as JSON, CSV and HTML."""

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.cli.operator import Ended, Run

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
ARTICLE = ("compare", "--preset", "article")


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_one_command_reproduces_the_articles_table(run: Run) -> None:
    shown = {f"{row['platform']}/{row['model']}": row for row in json.loads(run(*ARTICLE, "--json").out)["rows"]}

    assert {
        name: (row["listed_day"], row["listed_currency"], row["claimed_latency"]) for name, row in shown.items()
    } == {
        "holysheep/qwen2.5-max": (11, "CNY", "<50 ms"),
        "deepseek/deepseek-v3.2": (7.14, "USD", "~200 ms"),
        "dashscope/qwen2.5-max": (66, "CNY", "~120 ms"),
        "openai/gpt-4.1": (136, "USD", "~80 ms"),
        "anthropic/claude-sonnet-4-5": (300, "USD", "~95 ms"),
    }
    holysheep = shown["holysheep/qwen2.5-max"]
    assert (holysheep["day"], holysheep["month"], holysheep["saved_percent"]) == (1.54, 46.2, 83.3)
    assert {row["source"] for row in shown.values()} == {"article"}


def test_every_price_of_the_table_has_its_claims_and_contradictions(run: Run) -> None:
    shown = run(*ARTICLE).out

    assert "<50 ms" in shown
    assert "66.00 CNY" in shown
    assert "1 CNY is billed as 1 USD" in shown
    assert "openai/gpt-4.1: 34.00 USD a day at 2 / 8 USD per million" in shown
    assert "A month is 30 days, a year 365." in shown


def test_every_priced_model_is_compared_with_the_first_target_of_the_routes(run: Run) -> None:
    shown = json.loads(run("compare", "--json").out)

    names = {f"{row['platform']}/{row['model']}" for row in shown["rows"]}
    assert {"dashscope-singapore/qwen-plus", "dashscope-beijing/qwen-plus", "openai/gpt-4.1"} <= names
    assert shown["base"] == "dashscope-singapore/qwen4-max"
    assert all(row["source"] and row["price_date"] for row in shown["rows"])
    days = [row["day"] for row in shown["rows"]]
    assert days == sorted(days)
    assert days[0] > 0


def test_models_without_a_price_are_told(run: Run) -> None:
    unpriced = {
        (each["platform"], each["model"]): each["reason"]
        for each in json.loads(run("compare", "--json").out)["unpriced"]
    }

    assert unpriced["dashscope-singapore", "text-embedding-v4"] == "no price of output"
    assert unpriced["dashscope-singapore", "qwen3-max"] == "retired on 2026-10-10"
    assert unpriced["dashscope-beijing", "qwen4-max"] == "no price"
    assert unpriced["dashscope-hongkong", ""] == "no price list"


def test_an_input_above_the_last_tier_has_no_price(run: Run) -> None:
    shown = json.loads(run("compare", "--tokens-in", "300000", "--json").out)

    reasons = {(each["platform"], each["model"]): each["reason"] for each in shown["unpriced"]}
    assert reasons["dashscope-global", "qwen-plus"] == "no price for 300,000 tokens of input"
    assert reasons["dashscope-singapore", "qwen3-vl-plus"].startswith("accepts at most")
    # 300,000 tokens are in the second tier: 1.2 and 3.6 USD. 10,000 requests: 3,000 * 1.2 + 3 * 3.6.
    plus = next(row for row in shown["rows"] if (row["platform"], row["model"]) == ("dashscope-singapore", "qwen-plus"))
    assert plus["day"] == 3_610.8


@pytest.mark.parametrize("preset", [(), ("--preset", "article")], ids=["all", "article"])
def test_terminal_json_csv_and_page_agree(run: Run, repository: Path, preset: tuple[str, ...]) -> None:
    table = run("compare", *preset, "--html", "page.html", "--csv", "table.csv")
    shown = json.loads(run("compare", *preset, "--json").out)
    lines = read_csv((repository / "table.csv").read_text(encoding="utf-8"))
    page = (repository / "page.html").read_text(encoding="utf-8")

    assert "wrote page.html" in table.err
    assert lines == read_csv(run("compare", *preset, "--csv", "-").out)
    priced = [line for line in lines if not line["unpriced"]]
    assert len(priced) == len(shown["rows"])
    for row, line in zip(shown["rows"], priced, strict=True):
        assert (row["model"], row["source"]) == (line["model"], line["source"])
        for column in ("day", "month", "year", "saved_month", "saved_percent", "listed_day"):
            assert Decimal(str(row[column])) == Decimal(line[column])
        assert f"{row['platform']}/{row['model']} " in table.out
        for amount in (row["month"], row["year"]):
            # A cent of tolerance: half cents are rounded up from exact amounts, not from binary fractions.
            assert any(f"{amount + shift:,.2f}" in page for shift in (0, 0.001))
            assert any(f"{amount + shift:,.2f}" in table.out for shift in (0, 0.001))
    assert [(each["platform"], each["reason"]) for each in shown["unpriced"]] == [
        (line["platform"], line["unpriced"]) for line in lines if line["unpriced"]
    ]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_lines_fit_the_width_of_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")

    for ended in (run("compare"), run(*ARTICLE)):
        assert max(map(len, _ANSI.sub("", ended.out).splitlines())) <= columns
        assert "…" not in ended.out
        assert "gpt-4.1" in ended.out
        assert "49,640.00" in ended.out


def test_nothing_is_wrapped_in_a_pipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    lines = run(*ARTICLE).out.splitlines()

    assert next(line for line in lines if line.startswith("openai/gpt-4.1 ")).split()[1:4] == [
        "136.00",
        "4,080.00",
        "49,640.00",
    ]


def test_amounts_can_be_in_the_currency_of_a_provider(run: Run) -> None:
    shown = json.loads(run(*ARTICLE, "--currency", "cny", "--json").out)

    assert shown["currency"] == "CNY"
    days = {row["platform"]: row["day"] for row in shown["rows"]}
    assert days["dashscope"] == 66
    assert days["openai"] == pytest.approx(136 / 0.14)


def test_the_base_can_be_chosen(run: Run) -> None:
    shown = json.loads(run("compare", "--base", "openai/gpt-4.1", "--json").out)

    plus = next(row for row in shown["rows"] if (row["platform"], row["model"]) == ("dashscope-singapore", "qwen-plus"))
    # 5 * 0.4 + 3 * 1.2 = 5.60 USD a day instead of 136.
    assert (plus["saved_month"], plus["saved_percent"]) == (30 * (136 - 5.6), 95.9)
    assert [row["model"] for row in shown["rows"] if row["is_base"]] == ["gpt-4.1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--base", "dashscope/qwen-plus"), "Did you mean dashscope-"),
        (("--base", "nobody"), "Without --base, the command lists the names"),
        (("--base", "dashscope-singapore/qwen3-max"), "cannot be the base: retired on 2026-10-10"),
        (("--currency", "XXX"), "no exchange rate of XXX: add it to gateway.toml, or choose one of: USD, CNY"),
        (("--json", "--csv", "-"), "Choose one"),
        (("--csv", "missing/table.csv"), "missing/table.csv cannot be written: No such file or directory"),
        (("--html", "."), ". cannot be written: Is a directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, arguments: tuple[str, ...], words: str) -> None:
    ended = run("compare", *arguments)

    assert ended.status == 1
    assert words in ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == ""


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--requests-per-day", "0"),
        ("--requests-per-day", "-1"),
        ("--requests-per-day", "1000000001"),
        ("--tokens-in", "0"),
        ("--tokens-in", "10000001"),
        ("--tokens-out", "-1"),
        ("--tokens-out", "1e9"),
        ("--preset", "other"),
    ],
)
def test_an_impossible_load_is_refused_by_its_option(run: Run, option: str, value: str) -> None:
    ended: Ended = run("compare", option, value)

    assert ended.status == 2
    assert option in ended.err
    assert "Traceback" not in ended.err


def test_without_exchange_rates_nothing_can_be_compared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"accounting": {"currency": "EUR", "exchange_rates": {"CNY": None}}}
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(changes))

    ended = run(*ARTICLE)

    assert ended.status == 1
    assert "gateway.toml has no exchange rate from USD to EUR" in ended.err


def test_a_configuration_without_dashscope_is_compared_with_its_cheapest_model(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {
        "providers": {"ollama": {"base_url": "http://127.0.0.1:11434/v1", "needs_key": False}},
        "default_provider": "ollama",
        "routes": {
            "qwen-plus": [{"model": "qwen3:8b"}],
            "qwen-max": None,
            "qwen-turbo": None,
            "claude-*": None,
            "claude-haiku-*": None,
        },
    }
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(changes))

    shown = json.loads(run("compare", "--json").out)

    assert shown["base"] == f"{shown['rows'][0]['platform']}/{shown['rows'][0]['model']}"
    assert {"platform": "ollama", "model": "", "reason": "no price list"} in shown["unpriced"]
