"""The image that sam puts functions into: AWS's own where it can be had, else a stand-in built here.

The stand-in has a name of its own, so that nobody's `sam local` takes it for AWS's.
"""

from pathlib import Path
from typing import NamedTuple

from tests.sam_local import substitute_image
from tests.sam_local.commands import CommandFailed
from tests.sam_local.daemon import Docker

_AWS_REPOSITORY = "public.ecr.aws/lambda/python"
_SUBSTITUTE_REPOSITORY = "qwen-gateway/lambda-substitute"
_PULL_S = 180
_IMPORT_S = 120


class BaseImage(NamedTuple):
    """An image that the daemon holds, and in a sentence what it is."""

    reference: str
    description: str


def get_base_image(daemon: Docker, architecture: str, folder: Path) -> BaseImage:
    """Return the image for functions on `architecture`, as Lambda calls it, from the first place that has one.

    Raises:
        CommandFailed: the stand-in cannot be built; the message says why AWS's image was not to be had.
    """
    aws = f"{_AWS_REPOSITORY}:3.13-{architecture}"
    refusal = None if _has_image(daemon, aws) else _pull(daemon, aws)
    if refusal is None:
        return BaseImage(aws, f"AWS's image {aws}")
    reference = f"{_SUBSTITUTE_REPOSITORY}:{architecture}-{substitute_image.compute_digest()}"
    if not _has_image(daemon, reference):
        try:
            _import(daemon, substitute_image.get_file_system(architecture, folder), reference)
        except CommandFailed as failure:
            raise CommandFailed(f"{refusal}\nand the stand-in cannot be built: {failure}") from None
    return BaseImage(reference, f"stand-in image, not AWS's: {substitute_image.DESCRIPTION}")


def _has_image(daemon: Docker, reference: str) -> bool:
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
    changes = [f"--change=ENV {name}={value}" for name, value in substitute_image.ENVIRONMENT.items()]
    changes.append(f"--change=WORKDIR {substitute_image.ENVIRONMENT['LAMBDA_TASK_ROOT']}")
    daemon.run("import", *changes, file_system, reference, seconds=_IMPORT_S)
