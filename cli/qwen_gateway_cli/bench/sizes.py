"""How large what is deployed is."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Size(NamedTuple):
    """Bytes, as files and as a zip archive."""

    unzipped: int
    zipped: int


def size(folders: Sequence[Path]) -> Size:
    """Return the size of these folders together."""
    unzipped = 0
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for folder in folders:
            for path in folder.rglob("*"):
                if path.is_file():
                    unzipped += path.stat().st_size
                    written.write(path, path.relative_to(folder.parent))
    return Size(unzipped, archive.tell())
