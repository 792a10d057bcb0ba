"""All that `sam local` needs, started and stopped in the right order."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from qwen_gateway_cli.local.build import architecture
from tests.sam_local.base_image import BaseImage, base_image
from tests.sam_local.daemon import Docker, docker
from tests.sam_local.neighbours import Neighbours, neighbours
from tests.sam_local.sam import Sam, build


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
    build(processor)
    with (
        _termination_as_interruption(),
        docker() as daemon,
        neighbours(daemon.reach()) as around,
        tempfile.TemporaryDirectory(prefix="qwen-gateway-sam-") as scratch,
    ):
        image = base_image(daemon, processor)
        yield Scene(daemon, image, around, Sam(daemon, image, around, processor, Path(scratch)))


@contextmanager
def _termination_as_interruption() -> Iterator[None]:
    """Let a SIGTERM, as a cancelled CI run sends it, stop everything as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
