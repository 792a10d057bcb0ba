"""Build for AWS and deploy with `sam`, both for one architecture: `make build` and `make deploy`.

The architecture is that of `ARCHITECTURE`, else that of the stage's `parameter_overrides` in samconfig.toml, else the
template's default. sam would keep the deployed value of a parameter that is not given, and would replace the list of
samconfig.toml by one on its command line. So the deployment always names the architecture, after that list.
"""

import json
import os
import re
import struct
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

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
_VALUE = r"""("[^"]*"|'[^']*'|[^\s"']*)"""
_OVERRIDE = re.compile(rf"(?:^|\s)(?:ParameterKey=(\w+),ParameterValue=|(\w+)=){_VALUE}")


class DeploymentRefused(Exception):
    """The build or the deployment cannot be carried out; nothing was uploaded. The message states the remedy."""


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
    """
    architecture = find_architecture(root, settings)
    command = [settings.sam, "build", "--cached", "--parallel"]
    command += ["--parameter-overrides", f"Architecture={architecture}"]
    _run(root, command, LAYER_PLATFORM=TARGETS[architecture].platform)
    check_layer(root / ".aws-sam/build" / LAYER, architecture)


def deploy(root: Path, settings: Settings) -> None:
    """Build, then run `sam deploy` with the same architecture and the stage's other parameters.

    Raises:
        DeploymentRefused: as for `build`; or the stage is not one for AWS.
    """
    overrides = _read_overrides(root, settings.stage)
    if settings.stage == "local" or dict(_parse_overrides(overrides, root)).get("Stage") == "local":
        raise DeploymentRefused(
            f"STAGE={settings.stage} is the local stack, which only `make up` starts: use STAGE=dev."
        )
    if settings.confirm not in _CONFIRM_OPTIONS:
        raise DeploymentRefused(f"CONFIRM={settings.confirm} has to be yes or no.")
    build(root, settings)
    parameters = root / ".aws-sam/parameters.yaml"
    # sam reads this file as YAML, a superset of JSON. Of two values of a parameter it takes the later one.
    all_overrides = [*_flatten(overrides, root), {"Architecture": find_architecture(root, settings)}]
    parameters.write_text(json.dumps(all_overrides), encoding="utf-8")
    command = [settings.sam, "deploy", "--config-env", settings.stage, *_CONFIRM_OPTIONS[settings.confirm]]
    _run(root, [*command, "--parameter-overrides", f"file://{parameters}"])


def find_architecture(root: Path, settings: Settings) -> str:
    """Return the architecture to build and to deploy.

    Raises:
        DeploymentRefused: the stage or the architecture is unknown.
    """
    configured = dict(_parse_overrides(_read_overrides(root, settings.stage), root)).get("Architecture", "")
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


def _read_overrides(root: Path, stage: str) -> Any:
    """Return the parameter overrides of a stage as samconfig.toml has them: a text, a list or a table."""
    with (root / "samconfig.toml").open("rb") as file:
        stages = {name: value for name, value in tomllib.load(file).items() if isinstance(value, dict)}
    deployable = [name for name, commands in stages.items() if "deploy" in commands and name != "local"]
    if stage != "local" and stage not in deployable:
        raise DeploymentRefused(f"samconfig.toml has no stage {stage!r} to deploy. It has: {', '.join(deployable)}.")
    sections = [stages[stage].get(command, {}).get("parameters", {}) for command in ("deploy", "global")]
    return next((section["parameter_overrides"] for section in sections if "parameter_overrides" in section), [])


def _flatten(overrides: Any, folder: Path) -> Iterator[Any]:
    """Yield texts and tables, with absolute paths of files: sam would resolve them from the file that is written."""
    for each in overrides if isinstance(overrides, list) else [overrides]:
        if isinstance(each, list):
            yield from _flatten(each, folder)
        elif isinstance(each, str) and each.startswith("file://"):
            yield f"file://{folder / each.removeprefix('file://')}"
        else:
            yield each


def _parse_overrides(overrides: Any, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield names and values in sam's order; the last value of a name wins."""
    for each in _flatten(overrides, folder):
        if isinstance(each, Mapping):
            yield from ((str(name), str(value)) for name, value in each.items())
        elif each.startswith("file://"):
            path = Path(each.removeprefix("file://"))
            yield from _parse_overrides(_read_file(path), path.parent)
        else:
            yield from ((key or name, value.strip("\"'")) for key, name, value in _OVERRIDE.findall(each))


def _read_file(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as failure:
        raise DeploymentRefused(f"samconfig.toml names {path}, which cannot be read: {failure.strerror}.") from None
    return tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)


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
    except DeploymentRefused as error:
        _exit_with_message(str(error))
    if action is deploy:
        # boto3 takes seconds to import on a small machine, and a refused deployment needs none.
        from tools.next_steps import show_next_steps  # noqa: PLC0415

        show_next_steps(ROOT, settings.stage)


def _exit_with_message(message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
