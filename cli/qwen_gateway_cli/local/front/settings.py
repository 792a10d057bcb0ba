"""What the front is told when it starts: a JSON file that whoever starts it writes."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """One function, as its configuration on AWS says."""

    name: str
    arn: str
    handler: str
    """`package.module.function` below the task root."""
    timeout_s: int
    memory_mb: int
    environment: dict[str, str]
    """All that its processes see beside Lambda's own variables: credentials, PATH and HOME too."""


@dataclass(frozen=True, kw_only=True)
class FrontSettings:
    """The API, its functions and how they run on this machine. Paths are absolute."""

    template: dict[str, Any]
    """The processed template, as GetTemplate returns it."""
    functions: dict[str, FunctionSettings]
    """By logical id."""
    interpreter: str
    """The Python that runs the functions; its packages are what the managed runtime brings."""
    wrapper: str
    """The layer's `qwen-gateway-runtime`, inside the built layer."""
    task_root: str
    """The folder with the built functions."""
    logs: str
    """A folder; each function's output goes to `<logical id>.log` in it."""
    region: str
    port: int = 0
    """On 127.0.0.1; 0 takes a free one."""
    limit: int = 10
    """Processes of one function: a fresh account runs ten calls at once."""
    parameters: dict[str, str] = field(default_factory=dict)
    """The stack's parameters; the template's defaults stand for what is absent."""

    def write(self, path: Path) -> None:
        """Write the file, readable by its owner only."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read such a file. Raises TypeError when it has a key too few or too many."""
        given = json.loads(path.read_text(encoding="utf-8"))
        functions = {name: FunctionSettings(**each) for name, each in given.pop("functions").items()}
        return cls(functions=functions, **given)
