"""`python -m tests.failures`: regenerate the failure tables in docs/operations.md."""

from pathlib import Path

from tests.failures.tables import replace_tables

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"

if __name__ == "__main__":
    OPERATIONS.write_text(replace_tables(OPERATIONS.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{OPERATIONS.name} updated.")
