"""Settings of the API Gateway emulation: a JSON file that `up` writes before it starts the program."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """One function, with the values of its Lambda configuration."""

    name: str
    arn: str
    handler: str
    """`package.module.function` below the task root."""
    timeout_s: int
    memory_mb: int
    environment: dict[str, str]
    """Every variable of its processes except those that Lambda sets; includes credentials, PATH and HOME."""


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """The API, its functions and how they run on this machine. Paths are absolute."""

    template: dict[str, Any]
    """The processed template, as GetTemplate returns it."""
    functions: dict[str, FunctionSettings]
    """By logical id."""
    interpreter: str
    """The Python that runs the functions; its packages are those of the managed runtime."""
    wrapper: str
    """The layer's `qwen-gateway-runtime`, inside the built layer."""
    task_root: str
    """The folder with the built functions."""
    logs: str
    """The folder of the functions' logs, one `<logical id>.log` each."""
    region: str
    port: int = 0
    """On 127.0.0.1; 0 takes a free one."""
    limit: int = 10
    """Concurrent processes of one function: the quota of a new AWS account."""
    reject_above_limit: bool = False
    """Reject an invocation above the limit, as Lambda does, instead of letting it wait."""
    parameters: dict[str, str] = field(default_factory=dict)
    """The stack's parameters; the template's defaults apply to absent ones."""

    def write(self, path: Path) -> None:
        """Write the file, readable by its owner only."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file. Raises TypeError for a missing or unknown key."""
        document = json.loads(path.read_text(encoding="utf-8"))
        functions = {name: FunctionSettings(**fields) for name, fields in document.pop("functions").items()}
        return cls(functions=functions, **document)
