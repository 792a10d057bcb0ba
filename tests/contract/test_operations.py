"""docs/operations.md says what was seen."""

from pathlib import Path

from tests.failures.tables import replace_tables

FILE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_its_table_of_failures_is_the_one_that_is_tested() -> None:
    text = FILE.read_text(encoding="utf-8")

    assert replace_tables(text) == text, "docs/operations.md is stale: run `make docs`"
