"""A folder that outlives nobody: a run that was killed leaves its own behind, and the next run removes it.

Whoever made a folder holds a lock in it. The system releases it with the process, however that ends.
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
    """Give an empty folder of our own; before, whatever killed runs left is removed."""
    _remove_stale_folders()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / "new").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # It gets its name when it is held, so that nobody takes a folder that is being made for one that was left.
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
