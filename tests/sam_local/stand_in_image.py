"""A stand-in for AWS's Lambda image: Debian's Python 3.13 where Lambda has its own, with AWS's runtime client.

It is built without AWS, from the Debian archive that apt is configured with, and differs from the real one in
everything but what a function meets: paths, environment, module path, boto3 and the client of the Runtime API.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.sam_local import debian
from tests.sam_local.commands import CommandFailed, run
from tests.sam_local.paths import CACHE, ROOT, RUNTIME

DESCRIPTION = "Debian trixie with Python 3.13, awslambdaric and boto3"
ENVIRONMENT = {
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "LANG": "en_US.UTF-8",
    "TZ": ":/etc/localtime",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
}

_BOOTSTRAP = Path(__file__).parent / "stand_in"
_SUITE = "trixie"
_PACKAGES = "python3.13,ca-certificates"
_NOT_NEEDED = ("./var/cache/apt/*", "./var/lib/apt/lists/*", "./usr/share/doc/*", "./usr/share/man/*")
_DEBOOTSTRAP_S = 300
_TAR_S = 60


def recipe() -> str:
    """Return a short digest of all that the image is made by, except what Debian mends meanwhile."""
    digest = hashlib.sha256()
    for source in _sources():
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def file_system(architecture: str) -> Path:
    """Return the image's file system as a tar file, which `make docker` built.

    Raises:
        CommandFailed: it is not there.
    """
    kept = _file(architecture)
    if not kept.exists():
        raise CommandFailed("it is not there: run `make docker` as root on Debian")
    return kept


def prepare(architecture: str, scratch: Path) -> None:
    """Build the image's file system unless it is there.

    Raises:
        CommandFailed: this is not root on Debian, or the archive cannot be reached.
    """
    if not _file(architecture).exists():
        _build(_file(architecture), scratch / "image")


def _file(architecture: str) -> Path:
    return CACHE / f"{architecture}-{recipe()}.tar"


def _build(file: Path, tree: Path) -> None:
    if not debian.can_install():
        raise CommandFailed("that takes root on Debian")
    if shutil.which("debootstrap") is None:
        debian.install("debootstrap", "debian-archive-keyring")
    shutil.rmtree(CACHE, ignore_errors=True)
    CACHE.mkdir(parents=True)
    options = ("--variant=minbase", f"--include={_PACKAGES}")
    run("debootstrap", *options, _SUITE, tree, debian.archive(), seconds=_DEBOOTSTRAP_S)
    _add_lambda(tree)
    draft = file.with_suffix(".new")
    leave_out = [f"--exclude={pattern}" for pattern in _NOT_NEEDED]
    run("tar", "--create", "--numeric-owner", *leave_out, "--file", draft, "--directory", tree, ".", seconds=_TAR_S)
    draft.rename(file)


def _add_lambda(tree: Path) -> None:
    """Put Lambda's folders into a Debian tree."""
    for folder in ("var/task", "var/lang/bin", "opt"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    (tree / "var/lang/bin/python3.13").symlink_to("/usr/bin/python3.13")
    (packages,) = RUNTIME.glob("lib/python*/site-packages")
    shutil.copytree(packages, tree / "var/runtime", ignore=shutil.ignore_patterns("__pycache__", "_virtualenv*"))
    for source in _BOOTSTRAP.iterdir():
        shutil.copy(source, tree / "var/runtime")


def _sources() -> Iterator[Path]:
    yield Path(__file__)
    yield ROOT / "requirements" / "runtime.txt"
    yield from sorted(_BOOTSTRAP.iterdir())
