"""Part of the layer's build: `python aws_data.py BOTOCORE_DATA TARGET` copies of botocore's data what functions use.

botocore looks into TARGET first and finds everything else where it always does. Reading less is worth 5 % of chat's
cold start: the whole descriptions of two services and of every region's endpoints are megabytes.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

USED = {"dynamodb": ("GetItem", "PutItem"), "secretsmanager": ("GetSecretValue",)}
"""Operations by service. One that is missing here is missing in the client, which the stack's tests would see."""


def main(source: Path, target: Path) -> None:
    """Write the reduced data."""
    for service, operations in USED.items():
        version = max(path.name for path in (source / service).iterdir())
        _write(target / service / version / "service-2.json", _model(_read(source, service, version), operations))
    _write(target / "endpoints.json", _endpoints(json.loads((source / "endpoints.json").read_text(encoding="utf-8"))))


def _read(source: Path, service: str, version: str) -> dict[str, Any]:
    with gzip.open(source / service / version / "service-2.json.gz") as file:
        model: dict[str, Any] = json.load(file)
    return model


def _model(model: dict[str, Any], operations: tuple[str, ...]) -> dict[str, Any]:
    """Return a service's description with these operations and the shapes that they are made of."""
    kept = {name: model["operations"][name] for name in operations}
    shapes = model["shapes"]
    wanted = list(_references(kept))
    used: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in used:
            used[name] = shapes[name]
            wanted += _references(shapes[name])
    return model | {"operations": kept, "shapes": used}


def _references(node: Any) -> Iterator[str]:
    match node:
        case {"shape": str(name)}:
            yield name
        case dict():
            for value in node.values():
                yield from _references(value)
        case list():
            for value in node:
                yield from _references(value)


def _endpoints(document: dict[str, Any]) -> dict[str, Any]:
    """Return the table of endpoints with every partition and region, but these services alone."""
    partitions = [
        partition | {"services": {name: ends for name, ends in partition["services"].items() if name in USED}}
        for partition in document["partitions"]
    ]
    return document | {"partitions": partitions}


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_undocumented(document), separators=(",", ":")), encoding="utf-8")


def _undocumented(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _undocumented(value) for key, value in node.items() if key != "documentation"}
    return [_undocumented(value) for value in node] if isinstance(node, list) else node


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
