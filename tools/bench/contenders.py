"""The functions that the benchmark compares: how each is packaged, configured and started.

The plain handler packages the openai SDK and boto3, as AWS recommends, in the gateway's versions. `sam build` packages
them without bytecode, and Lambda's read-only folders never get any later. A second copy of the plain handler has
compiled bytecode. The gateway uses the boto3 of the runtime.
"""

import compileall
import py_compile
import shutil
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local import clean_environment, sam
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.output import show_step
from qwen_gateway_cli.local.processes import Processes, quote_log_end
from tools.bench.emulator import Program
from tools.bench.replay import STREAM, WHOLE, Backends

GATEWAY, PLAIN, PLAIN_WITH_BYTECODE = "gateway", "plain", "plain + bytecode"
_PLAIN_SOURCE = Path(__file__).parent / "plain"
_VARIABLES = {
    "USAGE_TABLE": "usage",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
    # Lambda's folders are read-only: a package without bytecode stays without.
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Contender(NamedTuple):
    """A packaged function. `folders` contain what is deployed."""

    name: str
    handler: str
    folders: tuple[Path, ...]
    variables: Callable[[Backends], dict[str, str]]
    """Returns the environment variables of this function."""
    exchanges: tuple[str, ...]
    """The requests to AWS and Qwen that a warm call makes."""
    wrapper: Path | None = None
    """The program that Lambda starts instead of the managed loop."""

    def program(self, layout: Layout, backends: Backends) -> Program:
        """Return the program that runs the function, with Lambda's order of module folders."""
        variables = {
            **clean_environment.create(layout),
            **_VARIABLES,
            **self.variables(backends),
            "AWS_ENDPOINT_URL": backends.url,
            "LAMBDA_TASK_ROOT": str(self.folders[0]),
            "PYTHONPATH": ":".join(str(folder) for folder in self.folders),
            "_HANDLER": self.handler,
        }
        if backends.certificates:
            variables |= dict.fromkeys(("AWS_CA_BUNDLE", "SSL_CERT_FILE"), str(backends.certificates))
        python = str(layout.runtime_python)
        command = [str(self.wrapper), python] if self.wrapper else [python, "-m", "awslambdaric", self.handler]
        return Program(command, self.folders[0], variables)


def build_contenders(layout: Layout, uv: Path) -> tuple[Contender, ...]:
    """Build all functions with `sam build`, and return them in the order of their calls."""
    gateway = build_gateway(layout, uv)
    with show_step("sam build of the plain handler"):
        plain = _build_plain(layout, _open_processes(layout), uv)
    with_bytecode = layout.bench / "plain-with-bytecode"
    shutil.rmtree(with_bytecode, ignore_errors=True)
    shutil.copytree(plain, with_bytecode)
    _compile(with_bytecode)
    return (
        Contender(PLAIN, "handler.lambda_handler", (plain,), _plain_variables, ("PutItem", WHOLE)),
        Contender(
            PLAIN_WITH_BYTECODE, "handler.lambda_handler", (with_bytecode,), _plain_variables, ("PutItem", WHOLE)
        ),
        gateway,
    )


def build_gateway(layout: Layout, uv: Path) -> Contender:
    """Build the gateway with `sam build`, unless a current build exists."""
    for folder in (*layout.transient_folders, layout.logs, layout.bench):
        folder.mkdir(parents=True, exist_ok=True)
    if not sam.is_build_current(layout):
        with show_step("sam build of the gateway"):
            sam.build(layout, _open_processes(layout), uv)
    # The boto3 of the managed runtime has bytecode.
    _compile(layout.runtime_python.parents[1])
    return Contender(
        GATEWAY,
        "chat.handler.lambda_handler",
        (layout.build / "ChatFunction", layout.build / "QwenGatewayLayer" / "python"),
        _gateway_variables,
        ("GetItem", STREAM, "PutItem"),
        layout.build / "QwenGatewayLayer" / "qwen-gateway-runtime",
    )


def _open_processes(layout: Layout) -> Processes:
    return Processes(layout.bench / "processes.json")


def _build_plain(layout: Layout, processes: Processes, uv: Path) -> Path:
    source, target, log = layout.bench / "plain-source", layout.bench / "plain-build", layout.log("bench-build")
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(_PLAIN_SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(layout.root / "requirements" / "plain.txt", source / "requirements.txt")
    command: list[str | Path] = [layout.sam, "build", "--cached", "--template-file", source / "template.yaml"]
    command += ["--build-dir", target, "--cache-dir", layout.bench / "plain-cache"]
    command += ["--parameter-overrides", f"Architecture={sam.detect_architecture()}"]
    environment = clean_environment.create_for_build(layout, uv)
    environment["PATH"] = f"{_create_python_with_pip(layout)}:{environment['PATH']}"
    if processes.run("sam build", command, environment, directory=layout.temporary, log=log) != 0:
        refuse(f"sam build of the plain handler failed. {quote_log_end(log)}")
    return target / "PlainFunction"


def _create_python_with_pip(layout: Layout) -> Path:
    """Return the folder of a Python with pip, which sam's builder needs; the project's environment has no pip."""
    environment = layout.bench / "python"
    if not environment.exists():
        venv.create(environment, with_pip=True)
    return environment / "bin"


def _compile(folder: Path) -> None:
    compileall.compile_dir(folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def _plain_variables(backends: Backends) -> dict[str, str]:
    return {"PROVIDER_URL": f"{backends.url}/compatible-mode/v1", "PROVIDER_KEY": "sk-bench"}


def _gateway_variables(backends: Backends) -> dict[str, str]:
    return {
        "KEYS_TABLE": "keys",
        "PROVIDER_KEYS_SECRET": "provider-keys",
        "GATEWAY_CONFIG": backends.gateway_config,
        "POWERTOOLS_METRICS_NAMESPACE": "QwenGateway",
        "POWERTOOLS_SERVICE_NAME": "qwen-gateway",
    }
