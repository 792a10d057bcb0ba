"""The base image of the functions: AWS's image where it can be pulled, else a substitute built here.

The substitute has its own repository name, so that no other `sam local` uses it by mistake.
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
    """An image of the daemon, with a description."""

    reference: str
    description: str


def get_base_image(daemon: Docker, architecture: str, folder: Path) -> BaseImage:
    """Return the image for an architecture (Lambda's name): from the daemon, else pulled, else built.

    Raises:
        CommandFailed: the substitute cannot be built; the message also tells why AWS's image is not available.
    """
    aws = f"{_AWS_REPOSITORY}:3.13-{architecture}"
    pull_error = None if _has_image(daemon, aws) else _pull(daemon, aws)
    if pull_error is None:
        return BaseImage(aws, f"AWS's image {aws}")
    reference = f"{_SUBSTITUTE_REPOSITORY}:{architecture}-{substitute_image.compute_digest()}"
    if not _has_image(daemon, reference):
        try:
            _import(daemon, substitute_image.get_file_system(architecture, folder), reference)
        except CommandFailed as failure:
            raise CommandFailed(f"{pull_error}\nand the substitute cannot be built: {failure}") from None
    return BaseImage(reference, f"substitute image, not AWS's: {substitute_image.DESCRIPTION}")


def _has_image(daemon: Docker, reference: str) -> bool:
    try:
        daemon.run("image", "inspect", "--format", "{{.Id}}", reference)
    except CommandFailed:
        return False
    return True


def _pull(daemon: Docker, reference: str) -> str | None:
    """Pull the image. Return the error if that fails, which it does at once when offline."""
    try:
        daemon.run("pull", "--quiet", reference, seconds=_PULL_S)
    except CommandFailed as failure:
        return str(failure)
    return None


def _import(daemon: Docker, file_system: Path, reference: str) -> None:
    changes = [f"--change=ENV {name}={value}" for name, value in substitute_image.ENVIRONMENT.items()]
    changes.append(f"--change=WORKDIR {substitute_image.ENVIRONMENT['LAMBDA_TASK_ROOT']}")
    daemon.run("import", *changes, file_system, reference, seconds=_IMPORT_S)
