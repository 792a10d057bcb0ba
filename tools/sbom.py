"""Write a CycloneDX SBOM of what runs on Lambda beside AWS's runtime: `make sbom` (OUTPUT=.local/sbom.json).

The components are those of the layer's lock files, with their hashes. Licences come from the metadata of the installed
packages. The same sources give the same file: it contains no time and no serial number.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.markers import Marker

ROOT = Path(__file__).parents[1]
LAYER = ROOT / "layers/qwen_gateway"
LOCKS = (LAYER / "requirements.txt", LAYER / "aws-data.txt")
"""What the layer contains: packages, and data files of botocore."""
_CYCLONEDX = ROOT / ".tools/sbom/bin/cyclonedx-py"
_LAMBDA = {"os_name": "posix", "platform_system": "Linux", "sys_platform": "linux"}
_OSI = "License :: OSI Approved :: "


def build_sbom() -> dict[str, Any]:
    """Return the SBOM as a CycloneDX document."""
    command: list[str | Path] = [
        _CYCLONEDX,
        "requirements",
        "--output-reproducible",
        "--pyproject",
        LAYER / "pyproject.toml",
        "-",
    ]
    # Without warnings: the tool asks for the dependencies that are added below.
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    locked = "\n".join(list_locked())
    done = subprocess.run(command, check=True, input=locked, stdout=subprocess.PIPE, text=True, env=environment)
    document: dict[str, Any] = json.loads(done.stdout)
    for component in document["components"]:
        # The text of the requirement, which repeats the hashes.
        del component["description"]
        component["licenses"] = list(_find_licenses(component["name"], component["version"]))
    root = document["metadata"]["component"]["bom-ref"]
    for dependency in document["dependencies"]:
        if dependency["ref"] == root:
            dependency["dependsOn"] = sorted(component["bom-ref"] for component in document["components"])
    return document


def list_locked() -> Iterator[str]:
    """Yield the requirements of the lock files that are installed on Lambda, with their hashes."""
    for lock in LOCKS:
        for line in lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            requirement, _, hashes = line.partition(" --hash=")
            name, _, marker = requirement.partition(";")
            if hashes and (not marker or Marker(marker).evaluate(_LAMBDA)):
                yield f"{name.strip()} --hash={hashes}"


def _find_licenses(name: str, version: str) -> Iterator[dict[str, Any]]:
    """Yield the licence that the installed package declares: an SPDX expression, or else a name.

    Raises:
        SystemExit: another version is installed.
    """
    package = importlib.metadata.metadata(name)
    if package["Version"] != version:
        sys.exit(
            f"{name} {version} is locked and {package['Version']} is installed: run `make lock`, then `make .venv`."
        )
    if "License-Expression" in package:
        yield {"expression": package["License-Expression"], "acknowledgement": "declared"}
        return
    classifiers = [each.removeprefix(_OSI) for each in package.get_all("Classifier", []) if each.startswith(_OSI)]
    for declared in classifiers or [package["License"]]:
        yield {"license": {"name": declared, "acknowledgement": "declared"}}


def main() -> None:
    """Write the SBOM to the file of `OUTPUT`."""
    output = ROOT / (os.environ.get("OUTPUT") or ".local/sbom.json")
    document = build_sbom()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(document['components'])} components: {output}\n")


if __name__ == "__main__":
    main()
