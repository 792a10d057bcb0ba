"""Debian packages, when the tests run as root on Debian, as in CI."""

import os
import shutil

from tests.sam_local.commands import CommandFailed, run

_INSTALL_S = 240


def can_install() -> bool:
    """Whether this process may install Debian packages."""
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def install(*packages: str) -> None:
    """Install packages from the configured apt sources."""
    _apt_get("update")
    _apt_get("install", "--yes", "--no-install-recommends", *packages)


def get_archive_url() -> str:
    """Return the address of the Debian archive that apt is configured with.

    Raises:
        CommandFailed: no Debian archive is configured.
    """
    filters = ("Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main")
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI)", *filters, seconds=30).split()
    if not listed:
        raise CommandFailed("apt-get indextargets names no Debian archive: run apt-get update")
    return listed[0]


def _apt_get(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # If apt-get were killed, packages would stay half installed.
    run("apt-get", "-qq", *arguments, environment=environment, may_outlive_parent=True, seconds=_INSTALL_S)
