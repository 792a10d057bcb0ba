"""The base image of the functions: AWS's image where it can be pulled, else a substitute that `make docker` built.

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


def prepare_base_image(daemon: Docker, architecture: str, folder: Path) -> None:
    """Build the substitute's file system where AWS's image is not available.

    Raises:
        CommandFailed: neither is available.
    """
    pull_error = _pull_if_missing(daemon, _aws_reference(architecture))
    if pull_error is None:
        return
    try:
        substitute_image.build_file_system(architecture, folder)
    except CommandFailed as failure:
        raise CommandFailed(f"{pull_error}\nand the substitute cannot be built: {failure}") from None


def get_base_image(daemon: Docker, architecture: str) -> BaseImage:
    """Return the image for an architecture (Lambda's name): from the daemon, else pulled, else the substitute.

    Raises:
        CommandFailed: the substitute is missing; the message also has the reason why AWS's image is not available.
    """
    aws = _aws_reference(architecture)
    pull_error = _pull_if_missing(daemon, aws)
    if pull_error is None:
        return BaseImage(aws, f"AWS's image {aws}")
    reference = f"{_SUBSTITUTE_REPOSITORY}:{architecture}-{substitute_image.compute_digest()}"
    if not _has_image(daemon, reference):
        try:
            _import(daemon, substitute_image.get_file_system(architecture), reference)
        except CommandFailed as failure:
            raise CommandFailed(f"{pull_error}\nand the substitute cannot be imported: {failure}") from None
    return BaseImage(reference, f"substitute image, not AWS's: {substitute_image.DESCRIPTION}")


def _aws_reference(architecture: str) -> str:
    return f"{_AWS_REPOSITORY}:3.13-{architecture}"


def _pull_if_missing(daemon: Docker, reference: str) -> str | None:
    return None if _has_image(daemon, reference) else _pull(daemon, reference)


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
