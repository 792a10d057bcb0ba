"""The image that sam puts functions into: AWS's own where it can be had, else a stand-in that `make docker` built.

The stand-in has a name of its own, so that nobody's `sam local` takes it for AWS's.
"""

from pathlib import Path
from typing import NamedTuple

from tests.sam_local import stand_in_image
from tests.sam_local.commands import CommandFailed
from tests.sam_local.daemon import Docker

_AWS_REPOSITORY = "public.ecr.aws/lambda/python"
_STAND_IN_REPOSITORY = "qwen-gateway/lambda-stand-in"
_PULL_S = 180
_IMPORT_S = 120


class BaseImage(NamedTuple):
    """An image that the daemon holds, and in a sentence what it is."""

    reference: str
    description: str


def prepare(daemon: Docker, architecture: str, scratch: Path) -> None:
    """Build the stand-in's file system where AWS's image cannot be had.

    Raises:
        CommandFailed: neither can be had.
    """
    aws = _aws(architecture)
    refusal = None if _has(daemon, aws) else _pull(daemon, aws)
    if refusal is None:
        return
    try:
        stand_in_image.prepare(architecture, scratch)
    except CommandFailed as failure:
        raise CommandFailed(f"{refusal}\nand the stand-in cannot be built: {failure}") from None


def base_image(daemon: Docker, architecture: str) -> BaseImage:
    """Return the image for functions on `architecture`, as Lambda calls it, from the first place that has one.

    Raises:
        CommandFailed: the stand-in cannot be imported; the message says why AWS's image was not to be had.
    """
    aws = _aws(architecture)
    refusal = None if _has(daemon, aws) else _pull(daemon, aws)
    if refusal is None:
        return BaseImage(aws, f"AWS's image {aws}")
    reference = f"{_STAND_IN_REPOSITORY}:{architecture}-{stand_in_image.recipe()}"
    if not _has(daemon, reference):
        try:
            _import(daemon, stand_in_image.file_system(architecture), reference)
        except CommandFailed as failure:
            raise CommandFailed(f"{refusal}\nand the stand-in cannot be imported: {failure}") from None
    return BaseImage(reference, f"stand-in image, not AWS's: {stand_in_image.DESCRIPTION}")


def _aws(architecture: str) -> str:
    return f"{_AWS_REPOSITORY}:3.13-{architecture}"


def _has(daemon: Docker, reference: str) -> bool:
    try:
        daemon.run("image", "inspect", "--format", "{{.Id}}", reference)
    except CommandFailed:
        return False
    return True


def _pull(daemon: Docker, reference: str) -> str | None:
    """Return why the image cannot be pulled; offline, the daemon knows at once."""
    try:
        daemon.run("pull", "--quiet", reference, seconds=_PULL_S)
    except CommandFailed as failure:
        return str(failure)
    return None


def _import(daemon: Docker, file_system: Path, reference: str) -> None:
    changes = [f"--change=ENV {name}={value}" for name, value in stand_in_image.ENVIRONMENT.items()]
    changes.append(f"--change=WORKDIR {stand_in_image.ENVIRONMENT['LAMBDA_TASK_ROOT']}")
    daemon.run("import", *changes, file_system, reference, seconds=_IMPORT_S)
