"""`python -m tests.failures`: write the table of docs/operations.md anew."""

from pathlib import Path

from tests.failures.tables import replaced

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"

if __name__ == "__main__":
    OPERATIONS.write_text(replaced(OPERATIONS.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{OPERATIONS.name} says what happens when.")
