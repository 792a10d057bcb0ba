"""Look for known vulnerabilities in the locked packages: `make advisories`.

pip-audit sends names and versions to the advisory database OSV, or to one with its interface at `OSV_URL`. It installs
nothing. Exit status: 0 none found, 1 some found, 2 not known, because the database did not answer.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = ("layers/qwen_gateway/requirements.txt", "layers/qwen_gateway/aws-data.txt", "requirements/dev.txt")
"""The layer, and the operator's command with the tests. Tools in environments of their own are left out."""
_PIP_AUDIT = ROOT / ".tools/advisories/bin/pip-audit"
_OSV_URL = "https://api.osv.dev/v1/query"
FOUND, UNKNOWN = 1, 2


class NotKnown(Exception):
    """The database did not answer, or pip-audit left a package out. The message is the reason."""


def audit(lock: str, url: str) -> dict[str, Any]:
    """Return pip-audit's report on a lock file.

    Raises:
        NotKnown: it is not known whether there are vulnerabilities.
    """
    command: list[str | Path] = [
        _PIP_AUDIT,
        "--requirement",
        ROOT / lock,
        "--disable-pip",
        "--require-hashes",
        "--format",
        "json",
    ]
    command += ["--progress-spinner", "off", "--desc", "off", "--vulnerability-service", "osv", "--osv-url", url]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        # A failure of the network is a traceback with the status 1, which also means that something was found.
        raise NotKnown((done.stderr.splitlines() or ["pip-audit wrote nothing"])[-1]) from None
    if skipped := [package["name"] for package in report["dependencies"] if "skip_reason" in package]:
        raise NotKnown(f"pip-audit left out {', '.join(skipped)}")
    return report


def format_findings(lock: str, report: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each vulnerability of a lock file."""
    for package in report["dependencies"]:
        for found in package.get("vulns", []):
            fixed = ", ".join(found["fix_versions"])
            remedy = f"fixed in {fixed}" if fixed else "no fixed version is known"
            names = ", ".join([found["id"], *found.get("aliases", [])])
            yield f"{lock}: {package['name']} {package['version']}: {names}; {remedy}"


def main() -> None:
    """Print the findings and exit with the status."""
    url = os.environ.get("OSV_URL") or _OSV_URL
    findings: list[str] = []
    for lock in LOCKS:
        try:
            findings += format_findings(lock, audit(lock, url))
        except NotKnown as reason:
            sys.stderr.write(f"It is not known whether {lock} has vulnerabilities ({url}): {reason}\n")
            sys.exit(UNKNOWN)
    for line in findings:
        sys.stdout.write(f"{line}\n")
    if findings:
        sys.stdout.write("Raise the limit in the .in or pyproject.toml file if there is one, then run `make lock`.\n")
        sys.exit(FOUND)
    sys.stdout.write(f"No known vulnerabilities in {', '.join(LOCKS)}.\n")


if __name__ == "__main__":
    main()
