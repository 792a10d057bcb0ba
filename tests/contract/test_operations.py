"""The generated tables of docs/operations.md are current."""

from pathlib import Path

from tests.failures.tables import replace_tables

FILE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_failure_tables_are_current() -> None:
    text = FILE.read_text(encoding="utf-8")

    assert replace_tables(text) == text, "docs/operations.md is stale: run `make docs`"
