"""Install what this tier needs on Debian as root: Docker and a base image. `make docker` runs this."""

import sys

from qwen_gateway_cli.local.sam import detect_architecture
from tests.sam_local import debian
from tests.sam_local.base_image import prepare_base_image
from tests.sam_local.commands import CommandFailed
from tests.sam_local.daemon import DockerMissing, find_missing_programs, find_running_daemon, provide_docker
from tests.sam_local.temporary_folder import hold_temporary_folder


def install_docker() -> None:
    """Install the programs of a Docker daemon, unless a daemon runs or they are installed.

    Raises:
        DockerMissing: the process is not root on Debian.
        CommandFailed: apt cannot install them.
    """
    if find_running_daemon() is not None or not find_missing_programs():
        return
    if not debian.can_install():
        raise DockerMissing("Docker does not run here. Start it, or run this as root on Debian, where it is installed.")
    if {"dockerd", "ip"} & set(find_missing_programs()):
        debian.install("docker.io", "iproute2")
    if "docker" in find_missing_programs():
        # From Debian 13 on, the client is a separate package.
        debian.install("docker-cli")


def main() -> int:
    """Install Docker and prepare the base image; return the exit status."""
    try:
        install_docker()
        with hold_temporary_folder() as folder, provide_docker(folder) as daemon:
            prepare_base_image(daemon, detect_architecture(), folder)
    except (CommandFailed, DockerMissing) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
