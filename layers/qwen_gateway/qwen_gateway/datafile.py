"""Data that people write as TOML and Lambda loads as JSON.

The repository holds TOML. The layer's build compiles each file to JSON beside it and drops the TOML, because
importing `tomllib` and parsing costs about 10 ms of each cold start and JSON costs 0.1 ms.
"""

import json
import sys
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def load(folder: Path, name: str) -> Document:
    """Return the document `name` of a folder, from `name.json` in the layer or `name.toml` in the repository."""
    compiled = folder / f"{name}.json"
    if compiled.exists():
        document: Document = json.loads(compiled.read_bytes())
        return document
    return _parse(folder / f"{name}.toml")


def names(folder: Path) -> list[str]:
    """Return the names of all documents of a folder, sorted."""
    return sorted({path.stem for path in folder.iterdir() if path.suffix in {".toml", ".json"}})


def _parse(source: Path) -> Document:
    import tomllib  # noqa: PLC0415 - the layer never needs it

    return tomllib.loads(source.read_text(encoding="utf-8"))


def compile_tree(root: Path) -> None:
    """Replace each TOML file of the package below `root` by its JSON."""
    for source in sorted((root / __package__).rglob("*.toml")):
        text = json.dumps(_parse(source), ensure_ascii=False, separators=(",", ":"), default=str)
        source.with_suffix(".json").write_text(text, encoding="utf-8")
        source.unlink()


if __name__ == "__main__":
    compile_tree(Path(sys.argv[1]))
