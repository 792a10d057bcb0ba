"""Everything that `sam local` needs, started and stopped in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from qwen_gateway_cli.interrupts import interrupt_on_signals
from qwen_gateway_cli.local.sam import detect_architecture
from tests.sam_local.backends import Backends, run_backends
from tests.sam_local.base_image import BaseImage, get_base_image
from tests.sam_local.daemon import Docker, provide_docker
from tests.sam_local.sam import Sam, build
from tests.sam_local.temporary_folder import hold_temporary_folder


class SamEnvironment(NamedTuple):
    """A built gateway with its Docker daemon, base image and backends."""

    daemon: Docker
    image: BaseImage
    backends: Backends
    sam: Sam


@contextmanager
def start_environment() -> Iterator[SamEnvironment]:
    """Build the gateway and start everything except `sam local` itself; stop and remove it afterwards.

    Raises:
        DockerMissing: Docker does not run and cannot be started.
        CommandFailed: the build, the daemon or the image failed.
    """
    processor_architecture = detect_architecture()
    with (
        interrupt_on_signals(),
        hold_temporary_folder() as folder,
        provide_docker(folder) as daemon,
        run_backends(daemon.find_host_address()) as backends,
    ):
        build(processor_architecture)
        image = get_base_image(daemon, processor_architecture)
        yield SamEnvironment(
            daemon, image, backends, Sam(daemon, image, backends, processor_architecture, folder / "sam")
        )
