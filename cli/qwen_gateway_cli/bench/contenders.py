"""The functions that run beside each other: how each is packaged, started and set.

The plain handler brings the openai SDK and boto3, as AWS advises, in the gateway's versions and as `sam build` packages
them: without bytecode, which Lambda's read-only folders never get later. The same with bytecode stands beside it. The
gateway uses the runtime's own boto3.
"""

import compileall
import py_compile
import shutil
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from qwen_gateway_cli.bench.emulator import Program
from qwen_gateway_cli.bench.replay import STREAM, WHOLE, Backends
from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.local import clean_environment, sam
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.output import show_step
from qwen_gateway_cli.local.processes import Processes, quote_log_end

GATEWAY, PLAIN, PLAIN_WITH_BYTECODE = "gateway", "plain", "plain + bytecode"
_PLAIN_SOURCE = Path(__file__).parent / "plain"
_VARIABLES = {
    "USAGE_TABLE": "usage",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
    # Lambda's folders cannot be written to: what comes without bytecode stays without.
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Contender(NamedTuple):
    """A packaged function. `folders` hold what is deployed; `exchanges` are the answers that a warm call asks for."""

    name: str
    handler: str
    folders: tuple[Path, ...]
    settings: Callable[[Backends], dict[str, str]]
    exchanges: tuple[str, ...]
    wrapper: Path | None = None
    """What Lambda starts in place of its own loop."""

    def program(self, layout: Layout, backends: Backends) -> Program:
        """Return what starts it, with modules found in Lambda's order."""
        variables = {
            **clean_environment.create(layout),
            **_VARIABLES,
            **self.settings(backends),
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


def packaged(layout: Layout, uv: Path) -> tuple[Contender, ...]:
    """Build all of them with `sam build`, and return them in the order in which they are called."""
    gateway = built_gateway(layout, uv)
    with show_step("sam build of the plain handler"):
        plain = _plain(layout, _processes(layout), uv)
    with_bytecode = layout.bench / "plain-with-bytecode"
    shutil.rmtree(with_bytecode, ignore_errors=True)
    shutil.copytree(plain, with_bytecode)
    _compile(with_bytecode)
    return (
        Contender(PLAIN, "handler.lambda_handler", (plain,), _plain_settings, ("PutItem", WHOLE)),
        Contender(PLAIN_WITH_BYTECODE, "handler.lambda_handler", (with_bytecode,), _plain_settings, ("PutItem", WHOLE)),
        gateway,
    )


def built_gateway(layout: Layout, uv: Path) -> Contender:
    """Build the gateway with `sam build`, unless it is built."""
    for folder in (*layout.transient_folders, layout.logs, layout.bench):
        folder.mkdir(parents=True, exist_ok=True)
    if not sam.is_build_current(layout):
        with show_step("sam build of the gateway"):
            sam.build(layout, _processes(layout), uv)
    # The managed runtime brings boto3 with its bytecode.
    _compile(layout.runtime_python.parents[1])
    return Contender(
        GATEWAY,
        "chat.handler.lambda_handler",
        (layout.build / "ChatFunction", layout.build / "QwenGatewayLayer" / "python"),
        _gateway_settings,
        ("GetItem", STREAM, "PutItem"),
        layout.build / "QwenGatewayLayer" / "qwen-gateway-runtime",
    )


def _processes(layout: Layout) -> Processes:
    return Processes(layout.bench / "processes.json")


def _plain(layout: Layout, processes: Processes, uv: Path) -> Path:
    source, target, log = layout.bench / "plain-source", layout.bench / "plain-build", layout.log("bench-build")
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(_PLAIN_SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(layout.root / "requirements" / "plain.txt", source / "requirements.txt")
    command: list[str | Path] = [layout.sam, "build", "--cached", "--template-file", source / "template.yaml"]
    command += ["--build-dir", target, "--cache-dir", layout.bench / "plain-cache"]
    command += ["--parameter-overrides", f"Architecture={sam.detect_architecture()}"]
    environment = clean_environment.create_for_build(layout, uv)
    environment["PATH"] = f"{_python_with_pip(layout)}:{environment['PATH']}"
    if processes.run("sam build", command, environment, directory=layout.temporary, log=log) != 0:
        refuse(f"sam build of the plain handler failed. {quote_log_end(log)}")
    return target / "PlainFunction"


def _python_with_pip(layout: Layout) -> Path:
    """Return a folder with what sam's Python builder asks for; the project's own environment has no pip."""
    environment = layout.bench / "python"
    if not environment.exists():
        venv.create(environment, with_pip=True)
    return environment / "bin"


def _compile(folder: Path) -> None:
    compileall.compile_dir(folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def _plain_settings(backends: Backends) -> dict[str, str]:
    return {"PROVIDER_URL": f"{backends.url}/compatible-mode/v1", "PROVIDER_KEY": "sk-bench"}


def _gateway_settings(backends: Backends) -> dict[str, str]:
    return {
        "KEYS_TABLE": "keys",
        "PROVIDER_KEYS_SECRET": "provider-keys",
        "GATEWAY_CONFIG": backends.gateway_config,
        "POWERTOOLS_METRICS_NAMESPACE": "QwenGateway",
        "POWERTOOLS_SERVICE_NAME": "qwen-gateway",
    }
