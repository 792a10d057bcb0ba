"""What Debian's package archive gives when the tier runs as root on Debian, as in CI."""

import os
import shutil

from tests.sam_local.commands import CommandFailed, run

_INSTALL_S = 240


def can_install() -> bool:
    """Whether this process may install Debian packages."""
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def install(*packages: str) -> None:
    """Install packages from where apt is configured to get them."""
    _apt_get("update")
    _apt_get("install", "--yes", "--no-install-recommends", *packages)


def get_archive_url() -> str:
    """Return the address of the Debian archive that apt is configured with.

    Raises:
        CommandFailed: apt knows of none.
    """
    filters = ("Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main")
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI)", *filters, seconds=30).split()
    if not listed:
        raise CommandFailed("apt-get indextargets names no Debian archive: run apt-get update")
    return listed[0]


def _apt_get(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # Cut off, it would leave the machine's packages half installed.
    run("apt-get", "-qq", *arguments, environment=environment, may_outlive_parent=True, seconds=_INSTALL_S)
