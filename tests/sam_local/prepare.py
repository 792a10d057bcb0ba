"""Install what the tier needs on Debian as root: Docker, and a base image. `make docker` and CI run this."""

import sys

import typer

from qwen_gateway_cli.local.build import architecture
from tests.sam_local import base_image, debian
from tests.sam_local.commands import CommandFailed
from tests.sam_local.daemon import DockerMissing, docker, missing_programs, running_docker
from tests.sam_local.scratch import scratch_folder


def install_docker() -> None:
    """Install the programs of a Docker daemon, unless one runs or they are there.

    Raises:
        DockerMissing: this is not root on Debian.
        CommandFailed: apt cannot install them.
    """
    if running_docker() is not None or not missing_programs():
        return
    if not debian.can_install():
        raise DockerMissing("Docker does not run here. Start it, or run this as root on Debian, where it is installed.")
    if {"dockerd", "ip"} & set(missing_programs()):
        debian.install("docker.io", "iproute2")
    if "docker" in missing_programs():
        # A package of its own from Debian 13 on.
        debian.install("docker-cli")


def main() -> int:
    """Install Docker and prepare the base image; return the exit status."""
    try:
        install_docker()
        with scratch_folder() as scratch, docker(scratch) as daemon:
            base_image.prepare(daemon, architecture(), scratch)
    except (CommandFailed, DockerMissing) as failure:
        typer.echo(failure, err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
