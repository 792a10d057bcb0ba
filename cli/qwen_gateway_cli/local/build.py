"""`sam build` of the real template for this machine, done again only when something in it changed."""

import hashlib
import platform
from collections.abc import Iterator
from pathlib import Path

from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local import clean_environment
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.processes import Processes
from qwen_gateway_cli.local.readiness import last_words

_ARM = frozenset({"arm64", "aarch64"})


def architecture() -> str:
    """This machine's processor, as Lambda calls it."""
    return "arm64" if platform.machine().lower() in _ARM else "x86_64"


def is_current(layout: Layout) -> bool:
    """Whether the last build was made from what stands in the repository now."""
    try:
        stamp = layout.build_stamp.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return layout.built_template.exists() and stamp == _digest(layout)


def build(layout: Layout, processes: Processes, uv: Path) -> None:
    """Build functions and layer into `.local/build`; a failure is refused with the end of the log."""
    made_from = _digest(layout)
    layout.build_stamp.unlink(missing_ok=True)
    log = layout.log("build")
    command: list[str | Path] = [layout.sam, "build", "--cached", "--parallel"]
    command += ["--template-file", layout.template, "--config-file", layout.samconfig]
    command += ["--build-dir", layout.build, "--cache-dir", layout.build_cache]
    command += ["--parameter-overrides", f"Architecture={architecture()}"]
    # sam puts a folder `.aws-sam` where it is started, whatever it was told.
    status = processes.run(
        "sam build", command, clean_environment.for_build(layout, uv), directory=layout.temporary, log=log
    )
    if status != 0:
        refuse(f"sam build failed. {last_words(log)}")
    layout.build_stamp.write_text(made_from, encoding="utf-8")


def _digest(layout: Layout) -> str:
    """Of the names and contents of everything that the build reads, and of the machine it builds for."""
    digest = hashlib.sha256(f"{platform.platform()} {platform.python_version()}".encode())
    for source in _sources(layout):
        digest.update(f"\0{source.relative_to(layout.root)}\0{source.stat().st_mode}\0".encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _sources(layout: Layout) -> Iterator[Path]:
    yield layout.template
    for folder in (layout.functions, layout.layer):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
