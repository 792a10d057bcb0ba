"""A stage of samconfig.toml: its stack on AWS and the parameters of the template."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3.session
import yaml
from botocore.exceptions import NoRegionError

_VALUE = r"""("[^"]*"|'[^']*'|[^\s"']*)"""
_OVERRIDE = re.compile(rf"(?:^|\s)(?:ParameterKey=(\w+),ParameterValue=|(\w+)=){_VALUE}")


class StageRefused(Exception):
    """The stage cannot be used; the message states the remedy."""


class Stage(NamedTuple):
    """What `sam deploy --config-env` reads of a stage. An empty region or profile is that of the environment."""

    name: str
    stack: str
    region: str
    profile: str
    overrides: Any
    """The parameter overrides as they are written: a text, a list or a table."""

    def create_session(self) -> boto3.session.Session:
        """Return a session for the account and the region of the stack. Raises errors of botocore."""
        session = boto3.session.Session(profile_name=self.profile or None, region_name=self.region or None)
        if not session.region_name:  # botocore takes an empty variable for a region
            raise NoRegionError
        return session


def read_stage(root: Path, name: str) -> Stage:
    """Read a stage.

    Raises:
        StageRefused: samconfig.toml has no such stage.
    """
    with (root / "samconfig.toml").open("rb") as file:
        stages = {each: value for each, value in tomllib.load(file).items() if isinstance(value, dict)}
    deployable = [each for each, commands in stages.items() if "deploy" in commands and each != "local"]
    if name != "local" and name not in deployable:
        raise StageRefused(f"samconfig.toml has no stage {name!r} to deploy. It has: {', '.join(deployable)}.")
    sections = [stages[name].get(command, {}).get("parameters", {}) for command in ("global", "deploy")]
    parameters = sections[0] | sections[1]
    stack, region, profile = (str(parameters.get(each, "")) for each in ("stack_name", "region", "profile"))
    return Stage(name, stack, region, profile, parameters.get("parameter_overrides", []))


def read_aws_stage(root: Path, name: str) -> Stage:
    """Read a stage whose stack is on AWS.

    Raises:
        StageRefused: samconfig.toml has no such stage, or it is the local one, or it names no stack.
    """
    stage = read_stage(root, name)
    if name == "local" or dict(parse_overrides(stage.overrides, root)).get("Stage") == "local":
        raise StageRefused(f"STAGE={name} is the local stack, which only `make up` starts: use STAGE=dev.")
    if not stage.stack:
        raise StageRefused(
            f"samconfig.toml has no stack_name for stage {name}: add it below [{name}.deploy.parameters]."
        )
    return stage


def flatten(overrides: Any, folder: Path) -> Iterator[Any]:
    """Yield texts and tables, with absolute paths of files: sam would resolve them from the file that is written."""
    for each in overrides if isinstance(overrides, list) else [overrides]:
        if isinstance(each, list):
            yield from flatten(each, folder)
        elif isinstance(each, str) and each.startswith("file://"):
            yield f"file://{folder / each.removeprefix('file://')}"
        else:
            yield each


def parse_overrides(overrides: Any, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield names and values in sam's order; the last value of a name wins.

    Raises:
        StageRefused: a file that the overrides name cannot be read.
    """
    for each in flatten(overrides, folder):
        if isinstance(each, Mapping):
            yield from ((str(name), str(value)) for name, value in each.items())
        elif each.startswith("file://"):
            path = Path(each.removeprefix("file://"))
            yield from parse_overrides(_read_file(path), path.parent)
        else:
            yield from ((key or name, value.strip("\"'")) for key, name, value in _OVERRIDE.findall(each))


def _read_file(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as failure:
        raise StageRefused(f"samconfig.toml names {path}, which cannot be read: {failure.strerror}.") from None
    return tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
