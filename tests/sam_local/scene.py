"""All that `sam local` needs, started and stopped in the right order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from qwen_gateway_cli.local.build import architecture
from qwen_gateway_cli.local.interrupts import as_keyboard_interrupt
from tests.sam_local.base_image import BaseImage, base_image
from tests.sam_local.daemon import Docker, docker
from tests.sam_local.neighbours import Neighbours, neighbours
from tests.sam_local.sam import Sam, build
from tests.sam_local.scratch import scratch_folder


class Scene(NamedTuple):
    """A built gateway with what it runs on and what it talks to."""

    daemon: Docker
    image: BaseImage
    around: Neighbours
    sam: Sam


@contextmanager
def scene() -> Iterator[Scene]:
    """Build the gateway and start everything but `sam local` itself; afterwards all of it is gone.

    Raises:
        DockerMissing: there is no Docker and none can be started.
        CommandFailed: the build, the daemon or the image failed.
    """
    processor = architecture()
    with (
        as_keyboard_interrupt(),
        scratch_folder() as scratch,
        docker(scratch) as daemon,
        neighbours(daemon.reach()) as around,
    ):
        build(processor)
        image = base_image(daemon, processor)
        yield Scene(daemon, image, around, Sam(daemon, image, around, processor, scratch / "sam"))
