"""Temporary folders that are also removed after a killed run: by the next run.

Each run holds a lock in its folder. The system releases the lock when the process ends, for any reason.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sam_local.daemon import remove_leftovers

_PREFIX = "qwen-gateway-sam-"
_LOCK = "lock"


@contextmanager
def hold_temporary_folder() -> Iterator[Path]:
    """Yield a new empty folder, after removing the folders of killed runs."""
    _remove_stale_folders()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / "new").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The file gets its name after it is locked, so that another run never treats a new folder as stale.
        Path(lock.name).rename(folder / _LOCK)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _remove_stale_folders() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        if not _is_locked(lock):
            remove_leftovers(lock.parent)
            shutil.rmtree(lock.parent)


def _is_locked(path: Path) -> bool:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
