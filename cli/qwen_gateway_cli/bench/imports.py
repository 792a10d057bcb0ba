"""What the chat function's imports cost, by package."""

import subprocess
import sys
from collections import defaultdict
from statistics import median

from qwen_gateway_cli.bench.contenders import Contender
from qwen_gateway_cli.bench.replay import Backends
from qwen_gateway_cli.local.layout import Layout

_ROUNDS = 5
_STANDARD_LIBRARY = "standard library"
_IMPORTED = "import qwen_gateway.aws, qwen_gateway.coldstart, chat.service"
"""All that the handler imports, and not the handler: it starts threads, and `importtime` counts for one thread only."""


def by_package(layout: Layout, contender: Contender, backends: Backends) -> dict[str, float]:
    """Return each package's own milliseconds, as `python -X importtime` counts them, the dearest first."""
    program = contender.program(layout, backends)
    command = [str(layout.runtime_python), "-X", "importtime", "-c", _IMPORTED]
    rounds: list[defaultdict[str, float]] = []
    for _ in range(_ROUNDS):
        ran = subprocess.run(
            command, cwd=program.directory, env=program.environment, check=True, capture_output=True, text=True
        )
        rounds.append(_sums(ran.stderr))
    medians = {package: median([each[package] for each in rounds]) for package in rounds[0]}
    return dict(sorted(medians.items(), key=lambda entry: -entry[1]))


def _sums(listing: str) -> defaultdict[str, float]:
    """Sum the lines `import time: SELF | CUMULATIVE | NAME`, in microseconds, by the first part of the name."""
    sums: defaultdict[str, float] = defaultdict(float)
    for line in listing.splitlines():
        if line.startswith("import time:") and not line.startswith("import time: self"):
            own, _, name = line.removeprefix("import time:").split("|")
            sums[_package(name.strip())] += float(own) / 1000
    return sums


def _package(module: str) -> str:
    first = module.partition(".")[0]
    return _STANDARD_LIBRARY if first in sys.stdlib_module_names else first
