"""A step of the layer's build: `python aws_data.py BOTOCORE_DATA TARGET` copies the part of botocore's data in use.

botocore searches TARGET first and its own data afterwards. The complete models of two services and the endpoints of all
regions are megabytes; reading only this part saves 5 % of chat's cold start. The part contains the operations of
aws-operations.json, which the functions' roles allow; clients lack all others.
"""

import gzip
import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

OPERATIONS = Path(__file__).with_name("aws-operations.json")
"""Operations by service, made by `make aws-operations` from the template's IAM policies."""


def main(source: Path, target: Path) -> None:
    """Write the reduced data to `target`."""
    used: Mapping[str, Sequence[str]] = json.loads(OPERATIONS.read_text(encoding="utf-8"))
    for service, operations in used.items():
        version = max(path.name for path in (source / service).iterdir())
        model = _reduce_model(_read(source, service, version), operations)
        _write(target / service / version / "service-2.json", model)
    endpoints = json.loads((source / "endpoints.json").read_text(encoding="utf-8"))
    _write(target / "endpoints.json", _reduce_endpoints(endpoints, used))


def _read(source: Path, service: str, version: str) -> dict[str, Any]:
    with gzip.open(source / service / version / "service-2.json.gz") as file:
        model: dict[str, Any] = json.load(file)
    return model


def _reduce_model(model: dict[str, Any], operations: Sequence[str]) -> dict[str, Any]:
    """Return a service model reduced to these operations and the shapes they reference."""
    operations_in_use = {name: model["operations"][name] for name in operations}
    shapes = model["shapes"]
    pending = list(_find_references(operations_in_use))
    used: dict[str, Any] = {}
    while pending:
        name = pending.pop()
        if name not in used:
            used[name] = shapes[name]
            pending += _find_references(shapes[name])
    return model | {"operations": operations_in_use, "shapes": used}


def _find_references(node: Any) -> Iterator[str]:
    match node:
        case {"shape": str(name)}:
            yield name
        case dict():
            for value in node.values():
                yield from _find_references(value)
        case list():
            for value in node:
                yield from _find_references(value)


def _reduce_endpoints(document: dict[str, Any], used: Collection[str]) -> dict[str, Any]:
    """Return the endpoints of all partitions and regions, reduced to these services."""
    partitions = [
        partition | {"services": {name: ends for name, ends in partition["services"].items() if name in used}}
        for partition in document["partitions"]
    ]
    return document | {"partitions": partitions}


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_remove_documentation(document), separators=(",", ":")), encoding="utf-8")


def _remove_documentation(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _remove_documentation(value) for key, value in node.items() if key != "documentation"}
    return [_remove_documentation(value) for value in node] if isinstance(node, list) else node


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
