"""Build for AWS and deploy with `sam`, both for one architecture: `make build` and `make deploy`.

The architecture is that of `ARCHITECTURE`, else that of the stage's `parameter_overrides` in samconfig.toml, else the
template's default. sam would keep the deployed value of a parameter that is not given, and would replace the list of
samconfig.toml by one on its command line. So the deployment always names the architecture, after that list.
"""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

import yaml

from qwen_gateway.config import ConfigurationError
from qwen_gateway.datafile import DataFileInvalid
from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from qwen_gateway_cli.console import CommandRefused
from qwen_gateway_cli.prices.schema import check_configuration
from tools import rules
from tools.adoption import find_problems
from tools.next_steps import show_next_steps
from tools.stack_status import StackBlocked, check_deployable, read_status
from tools.stage import StageRefused, flatten, parse_overrides, read_aws_stage, read_stage

ROOT = Path(__file__).parents[1]
LAYER = "QwenGatewayLayer"


class Target(NamedTuple):
    """What an architecture of Lambda is called elsewhere."""

    platform: str
    """For `uv pip install --python-platform`."""
    machine: int
    """e_machine in the header of an ELF file."""


TARGETS = {"arm64": Target("aarch64-manylinux2014", 183), "x86_64": Target("x86_64-manylinux2014", 62)}
_NAMES = {target.machine: name for name, target in TARGETS.items()}
_CONFIRM_OPTIONS = {"": [], "yes": ["--confirm-changeset"], "no": ["--no-confirm-changeset"]}


class DeploymentRefused(Exception):
    """The build or the deployment cannot be carried out; nothing was uploaded. The message states the remedy."""


REFUSALS = (DeploymentRefused, StageRefused, StackBlocked, CommandRefused, ConfigurationError, DataFileInvalid)


class Settings(NamedTuple):
    """The variables of make."""

    stage: str
    architecture: str
    """Empty: that of samconfig.toml or of the template."""
    confirm: str
    """Whether sam asks before it changes the stack: `yes`, `no`, or empty for the stage's setting in samconfig.toml."""
    sam: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Settings":
        """Read the environment variables that make sets."""
        return cls(*(variables.get(name, "") for name in ("STAGE", "ARCHITECTURE", "CONFIRM", "SAM")))


def build(root: Path, settings: Settings) -> None:
    """Run `sam build` for the architecture of the stage, and check the layer's machine code.

    Raises:
        DeploymentRefused: a setting is invalid, or the build failed or is not for this architecture.
        StageRefused: the stage is unknown.
    """
    architecture = find_architecture(root, settings)
    command = [settings.sam, "build", "--cached", "--parallel"]
    command += ["--parameter-overrides", f"Architecture={architecture}"]
    _run(root, command, LAYER_PLATFORM=TARGETS[architecture].platform)
    check_layer(root / ".aws-sam/build" / LAYER, architecture)


def deploy(root: Path, settings: Settings) -> None:
    """Build, then run `sam deploy` with the same architecture and the stage's other parameters.

    Raises:
        CommandRefused: a price list is wrong.
        ConfigurationError, DataFileInvalid: gateway.toml is wrong.
        DeploymentRefused: as for `build`; or the stage's parameters violate a rule of the template, or adopt what
            cannot be used.
        StageRefused: the stage is not one for AWS.
        StackBlocked: the stack cannot be updated.
    """
    _run(root, prepare_deployment(root, settings))


def prepare_deployment(root: Path, settings: Settings) -> list[str]:
    """Build, and return the command line of `sam deploy`.

    Raises:
        DeploymentRefused, StageRefused, StackBlocked: as for `deploy`.
    """
    stage = read_aws_stage(root, settings.stage)
    if settings.confirm not in _CONFIRM_OPTIONS:
        raise DeploymentRefused(f"CONFIRM={settings.confirm} has to be yes or no.")
    find_architecture(root, settings)
    # Checked before the build, which takes a minute.
    check_configuration()
    given = dict(parse_overrides(stage.overrides, root))
    _check_rules(root, settings, given)
    check_deployable(stage, read_status(stage.create_session().client("cloudformation"), stage.stack))
    if problems := find_problems(root / "template.yaml", given, stage):
        raise DeploymentRefused("\n".join(problems))
    build(root, settings)
    parameters = root / ".aws-sam/parameters.yaml"
    # sam reads this file as YAML, a superset of JSON. Of two values of a parameter it takes the later one.
    all_overrides = [*flatten(stage.overrides, root), {"Architecture": find_architecture(root, settings)}]
    parameters.write_text(json.dumps(all_overrides), encoding="utf-8")
    command = [settings.sam, "deploy", "--config-env", settings.stage, *_CONFIRM_OPTIONS[settings.confirm]]
    return [*command, "--parameter-overrides", f"file://{parameters}"]


def _check_rules(root: Path, settings: Settings, parameters: Mapping[str, str]) -> None:
    violations = rules.find_violations(rules.load_template(root / "template.yaml"), parameters)
    if violations:
        raise DeploymentRefused(f"Parameters of stage {settings.stage} in samconfig.toml: {' '.join(violations)}")


def find_architecture(root: Path, settings: Settings) -> str:
    """Return the architecture to build and to deploy.

    Raises:
        DeploymentRefused: the architecture is unknown.
        StageRefused: the stage is unknown.
    """
    configured = dict(parse_overrides(read_stage(root, settings.stage).overrides, root)).get("Architecture", "")
    architecture = settings.architecture or configured or _read_default(root)
    if architecture not in TARGETS:
        source = (
            "ARCHITECTURE" if settings.architecture else f"Architecture of stage {settings.stage} in samconfig.toml"
        )
        raise DeploymentRefused(f"{source} is {architecture!r}; Lambda has {' and '.join(TARGETS)}.")
    return architecture


def check_layer(layer: Path, architecture: str) -> None:
    """Check that all machine code of the built layer is for this architecture.

    Raises:
        DeploymentRefused: some is not, or there is none.
    """
    machines = {path: machine for path in sorted(layer.rglob("*")) if (machine := read_machine(path)) is not None}
    if not machines:
        raise DeploymentRefused(f"The built layer {layer} has no machine code: run `make clean` and build again.")
    for path, machine in machines.items():
        if machine != TARGETS[architecture].machine:
            raise DeploymentRefused(
                f"The built layer is for {_NAMES.get(machine, f'ELF machine {machine}')} ({path.relative_to(layer)}), "
                f"but the stack is for {architecture}. Nothing was uploaded. Run `make clean` and repeat."
            )


def read_machine(path: Path) -> int | None:
    """Return e_machine of an ELF file, or None for any other file or a folder."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        header = file.read(20)
    return int(struct.unpack("<H", header[18:20])[0]) if header[:4] == b"\x7fELF" else None


def _read_default(root: Path) -> str:
    template = yaml.load((root / "template.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - strings
    return str(template["Parameters"]["Architecture"]["Default"])


def _run(root: Path, command: list[str], **variables: str) -> None:
    """Run sam, which describes its failures itself."""
    if subprocess.run(command, check=False, cwd=root, env=os.environ | variables).returncode != 0:
        raise DeploymentRefused(f"sam {command[1]} failed; see above.")


def main() -> None:
    """Build, or build and deploy, as the argument says."""
    action = {"build": build, "deploy": deploy}[sys.argv[1]]
    settings = Settings.read(os.environ)
    try:
        action(ROOT, settings)
    except REFUSALS as error:
        _exit_with_message(str(error))
    except AWS_ERRORS as error:
        _exit_with_message(explain_aws_error(error))
    if action is deploy:
        show_next_steps(read_aws_stage(ROOT, settings.stage))


def _exit_with_message(message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
