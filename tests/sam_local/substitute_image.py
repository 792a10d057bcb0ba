"""A substitute for AWS's Lambda base image: Debian's Python 3.13 with AWS's runtime client.

It is built from the configured Debian archive, without AWS. It matches the real image only in what functions depend
on: paths, environment, module path, boto3 and the client of the Runtime API.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.sam_local import debian
from tests.sam_local.commands import CommandFailed, run

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / ".tools" / "runtime"
CACHE = ROOT / ".local" / "sam-local"
"""Kept between runs; `make clean` removes it."""

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

_BOOTSTRAP = Path(__file__).parent / "bootstrap"
_SUITE = "trixie"
_PACKAGES = "python3.13,ca-certificates"
_EXCLUDED = ("./var/cache/apt/*", "./var/lib/apt/lists/*", "./usr/share/doc/*", "./usr/share/man/*")
_DEBOOTSTRAP_S = 300
_TAR_S = 60


def compute_digest() -> str:
    """Return a short digest of the image's sources; updates of Debian packages are not part of it."""
    digest = hashlib.sha256()
    for source in _list_sources():
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def get_file_system(architecture: str) -> Path:
    """Return the image's file system as a tar file, which `make docker` built.

    Raises:
        CommandFailed: the file is missing.
    """
    cached = _get_file(architecture)
    if not cached.exists():
        raise CommandFailed("its file system is missing: run `make docker` as root on Debian")
    return cached


def build_file_system(architecture: str, folder: Path) -> None:
    """Build the image's file system if it is missing; `folder` holds the intermediate files.

    Raises:
        CommandFailed: the process is not root on Debian, or the archive cannot be reached.
    """
    if not _get_file(architecture).exists():
        _build(_get_file(architecture), folder / "image")


def _get_file(architecture: str) -> Path:
    return CACHE / f"{architecture}-{compute_digest()}.tar"


def _build(file: Path, tree: Path) -> None:
    if not debian.can_install():
        raise CommandFailed("that takes root on Debian")
    if shutil.which("debootstrap") is None:
        debian.install("debootstrap", "debian-archive-keyring")
    shutil.rmtree(CACHE, ignore_errors=True)
    CACHE.mkdir(parents=True)
    options = ("--variant=minbase", f"--include={_PACKAGES}")
    run("debootstrap", *options, _SUITE, tree, debian.get_archive_url(), seconds=_DEBOOTSTRAP_S)
    _add_lambda(tree)
    draft = file.with_suffix(".new")
    excludes = [f"--exclude={pattern}" for pattern in _EXCLUDED]
    run("tar", "--create", "--numeric-owner", *excludes, "--file", draft, "--directory", tree, ".", seconds=_TAR_S)
    draft.rename(file)


def _add_lambda(tree: Path) -> None:
    """Add Lambda's folders to a Debian tree."""
    for folder in ("var/task", "var/lang/bin", "opt"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    (tree / "var/lang/bin/python3.13").symlink_to("/usr/bin/python3.13")
    (packages,) = RUNTIME.glob("lib/python*/site-packages")
    shutil.copytree(packages, tree / "var/runtime", ignore=shutil.ignore_patterns("__pycache__", "_virtualenv*"))
    for source in _BOOTSTRAP.iterdir():
        shutil.copy(source, tree / "var/runtime")


def _list_sources() -> Iterator[Path]:
    yield Path(__file__)
    yield ROOT / "requirements" / "runtime.txt"
    yield from sorted(_BOOTSTRAP.iterdir())
