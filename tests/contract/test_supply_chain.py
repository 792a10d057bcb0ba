"""`make sbom` lists exactly what the layer contains, and `make advisories` never takes silence for good news."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract.template import ROOT
from tests.integration.mock_server import serve_response

# Both tools are programs of their own, and take seconds for each file.
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300)]

MAKE_VARIABLES = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
OTHER_PLATFORMS = {"httpx2-jsfetch"}
"""Locked for Python in a browser; no Lambda function installs it."""
ADVISORY = {
    "vulns": [
        {
            "id": "GHSA-test",
            "aliases": ["CVE-2026-1"],
            "summary": "invented",
            "affected": [
                {
                    "package": {"name": "jiter", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
                }
            ],
        }
    ]
}


def run_make(target: str, **variables: str) -> subprocess.CompletedProcess[str]:
    caller = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    return subprocess.run(
        ["make", "-o", ".venv", target], cwd=ROOT, env=caller | variables, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def sbom(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the text of the SBOM."""
    path = tmp_path_factory.mktemp("sbom") / "sbom.json"
    done = run_make("sbom", OUTPUT=str(path))
    assert done.returncode == 0, done.stderr
    return path.read_text(encoding="utf-8")


def read_locked() -> dict[str, set[str]]:
    """Return the hashes by name and version, read without the code under test."""
    locked: dict[str, set[str]] = {}
    for file in ("requirements.txt", "aws-data.txt"):
        text = (ROOT / "layers/qwen_gateway" / file).read_text(encoding="utf-8")
        for name, version, rest in re.findall(r"^([\w.-]+)==(\S+)((?:.*\\\n)+.*)", text, re.MULTILINE):
            locked[f"{name}@{version}"] = set(re.findall(r"--hash=sha256:(\w+)", rest))
    return {name: hashes for name, hashes in locked.items() if name.partition("@")[0] not in OTHER_PLATFORMS}


def test_the_sbom_has_exactly_the_locked_packages_with_their_hashes(sbom: str) -> None:
    components = json.loads(sbom)["components"]

    assert {
        each["purl"].removeprefix("pkg:pypi/"): {
            digest["content"] for reference in each["externalReferences"] for digest in reference["hashes"]
        }
        for each in components
    } == read_locked()


def test_every_component_has_a_licence(sbom: str) -> None:
    components = json.loads(sbom)["components"]

    assert [each["name"] for each in components if not list_licence_names(each)] == []


def list_licence_names(component: dict[str, Any]) -> list[str]:
    named = (each.get("expression") or each["license"]["name"] for each in component["licenses"])
    return [name for name in named if name and name != "UNKNOWN"]


def test_the_same_sources_make_the_same_sbom(sbom: str, tmp_path: Path) -> None:
    run_make("sbom", OUTPUT=str(tmp_path / "again.json"))

    assert (tmp_path / "again.json").read_text(encoding="utf-8") == sbom
    document = json.loads(sbom)
    assert document["bomFormat"] == "CycloneDX"
    assert "serialNumber" not in document
    assert "timestamp" not in document["metadata"]


def test_an_advisory_fails_with_the_package_and_the_version_that_fixes_it() -> None:
    with serve_response(200, json.dumps(ADVISORY)) as url:
        done = run_make("advisories", OSV_URL=url)

    assert done.returncode != 0
    assert re.search(
        r"^layers/qwen_gateway/requirements.txt: jiter \S+: CVE-2026-1, GHSA-test; fixed in 99.1$",
        done.stdout,
        re.MULTILINE,
    )
    assert "requirements/dev.txt: jiter " in done.stdout


def test_without_advisories_the_checked_files_are_named() -> None:
    with serve_response(200, "{}") as url:
        done = run_make("advisories", OSV_URL=url)

    assert (done.returncode, done.stderr) == (0, "")
    assert "No known vulnerabilities in layers/qwen_gateway/requirements.txt" in done.stdout


@pytest.mark.parametrize(
    ("status", "body"), [(503, "{}"), (200, "<html>a proxy</html>")], ids=["out of service", "no database"]
)
def test_a_database_that_does_not_answer_is_not_taken_for_no_advisories(status: int, body: str) -> None:
    with serve_response(status, body) as url:
        done = run_make("advisories", OSV_URL=url)

    assert done.returncode != 0
    assert "It is not known whether layers/qwen_gateway/requirements.txt has vulnerabilities" in done.stderr
    assert "No known" not in done.stdout
    assert "Traceback" not in done.stderr
