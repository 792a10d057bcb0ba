"""What README, CONTRIBUTING and the documents name exists; documents.py has the rules."""

import re
from pathlib import Path

import pytest

from tests.contract.documents import find_missing, find_missing_code
from tests.contract.template import ROOT

DECISIONS = ROOT / "docs/decisions.md"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_exists(document: Path) -> None:
    assert find_missing(document) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("`make chekc`", "make chekc"),
        ("    make up down sidewise  # a comment: make tea\n", "make sidewise"),
        ("```\nmake deploy STAGE=dev && make nothing\n```\n", "make nothing"),
        ("`make deploy STAEG=dev`", "make STAEG="),
        ("`qwen-gateway measure`", "qwen-gateway measure"),
        ("`qwen-gateway keys create --nam backend`", "qwen-gateway keys create --nam"),
        ("`qwen-gateway doctor --stack x --fast | tee`", "qwen-gateway doctor --fast"),
        ("    KEY=$(.venv/bin/qwen-gateway keys create --jsn)\n", "qwen-gateway keys create --jsn"),
        ("`aws lambdas list`", "aws lambdas list"),
        ("`aws lambda get-settings`", "aws lambda get-settings"),
        ("`aws dynamodb query --table x --output json`", "aws dynamodb query --table"),
        ("    .venv/bin/qwen-gateway keys invent NAME\n", "qwen-gateway keys invent"),
        ("`qwen-gateway\nmeasure`", "qwen-gateway measure"),
        ("`upstream/retries.py`", "path upstream/retries.py"),
        ("`layers/gateway`", "path layers/gateway"),
        ("```\n  functions/chat/room.py   the room\n```\n", "path functions/chat/room.py"),
        ("    qwen_gateway.rooms   the rooms\n", "module qwen_gateway.rooms"),
        ("`upstreams/`", "path upstreams/"),
        ("`AttemptPlan._again`", "name AttemptPlan._again"),
        ("`NoPlan.after`", "name NoPlan.after"),
        ("`retry.Nothing`", "name retry.Nothing"),
        ("`http.clients`", "name http.clients"),
        ("`SAFETY_FACTORS`", "name SAFETY_FACTORS"),
        ("`_classify_`", "name _classify_"),
        ("`needs_keys = false`", "name needs_keys = false"),
        ("`x-should-try: false`", "name x-should-try: false"),
        ("`[routing_table]`", "name [routing_table]"),
    ],
)
def test_a_wrong_name_is_found(text: str, missing: str) -> None:
    assert find_missing_code(text, strict=True) == [missing]


@pytest.mark.parametrize(
    "text",
    [
        "make sure that qwen-gateway works",
        "`make test-all`",
        "`make deploy STAGE=dev`",
        "    DASHSCOPE_API_KEY=... .venv/bin/qwen-gateway up --provider dashscope\n",
        "`qwen-gateway keys create --name backend --json`, `qwen-gateway logs -n 5`, `qwen-gateway --help`",
        "`make smoke STACK=qwen-gateway-dev`, `make sam-local EVENT=events/chat/answered.json`",
        "`aws dynamodb query --table-name x --key-condition-expression y --output json`",
        "`upstream/retry.py`, `gateway.toml`, `local/apigateway/`, `tests/unit`, `.venv/bin/pytest`",
        "`AttemptPlan.after`, `Upstream`, `retry.AttemptPlan`, `qwen_gateway.runtime`",
        "`asyncio.run`, `http.client`, `httpx2.Client`",
        "`needs_key = false`, `x-should-retry: false`, `Retry-After`, `[DONE]`, `VersionDescription`, `sam build`",
    ],
)
def test_a_right_name_is_accepted(text: str) -> None:
    assert find_missing_code(text, strict=True) == []


def test_a_wrong_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    document = tmp_path / "README.md"
    document.write_text("[a](there.md) [b](gone.md) [c](https://example.com/x) [d](there.md#section)", encoding="utf-8")

    assert find_missing(document) == ["link gone.md"]


def test_every_decision_says_how_to_undo_it() -> None:
    _, *entries = re.split(r"^## ", DECISIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert entries
    assert [entry.splitlines()[0] for entry in entries if "Undo: " not in " ".join(entry.split())] == []
