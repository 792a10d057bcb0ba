"""`make build` and `make deploy` build and deploy one architecture, and lose no parameter of samconfig.toml."""

import json
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.fake_sam import Repository, check_refused
from tests.contract.template import ROOT
from tools.deploy import TARGETS

PARSE = """\
import json, sys
from samcli.cli.types import CfnParameterOverridesType
print(json.dumps(CfnParameterOverridesType().convert((sys.argv[1],), None, None)))
"""


def parse_as_sam(call: list[str]) -> dict[str, str]:
    """Return the parameters of a command line, parsed by the real sam."""
    value = call[call.index("--parameter-overrides") + 1]
    command: list[str | Path] = [ROOT / ".tools/sam/bin/python", "-c", PARSE, value]
    parameters: Any = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return dict(parameters)


def read_overrides(call: list[str]) -> list[Any]:
    """Return the parameters of a command line as they are written for sam."""
    return list(json.loads(Path(call[-1].removeprefix("file://")).read_text(encoding="utf-8")))


def find_own_overrides(repository: Repository) -> Iterator[Any]:
    """Yield the overrides of samconfig.toml, with absolute paths."""
    text = (repository.root / "samconfig.toml").read_text(encoding="utf-8")
    overrides = tomllib.loads(text)["dev"]["deploy"]["parameters"]["parameter_overrides"]
    for each in overrides if isinstance(overrides, list) else [overrides]:
        is_file = isinstance(each, str) and each.startswith("file://")
        yield each.replace("file://", f"file://{repository.root}/") if is_file else each


@pytest.mark.parametrize("architecture", TARGETS)
def test_the_architecture_of_make_is_built_and_deployed(repository: Repository, architecture: str) -> None:
    done = repository.make("deploy", f"ARCHITECTURE={architecture}")

    assert done.status == 0, done.err
    build, deploy = done.calls
    assert build[-1] == f"Architecture={architecture}"
    assert read_overrides(deploy) == ["Stage=dev", {"Architecture": architecture}]
    assert deploy[:3] == ["deploy", "--config-env", "dev"]


@pytest.mark.parametrize(
    "overrides",
    [
        '["Stage=dev", "Architecture=x86_64", "MemorySize=1024"]',
        '"Stage=dev Architecture=x86_64 MemorySize=1024"',
        "\"Stage=dev Architecture='x86_64' MemorySize=1024\"",
        '["ParameterKey=Stage,ParameterValue=dev", "ParameterKey=Architecture,ParameterValue=x86_64"]',
        '["Stage=dev", { Architecture = "x86_64", MemorySize = "1024" }]',
        '["Stage=dev", "file://parameters.yaml"]',
    ],
)
def test_the_architecture_of_samconfig_is_built_and_deployed(repository: Repository, overrides: str) -> None:
    repository.configure(overrides)
    (repository.root / "parameters.yaml").write_text("Architecture: x86_64\nMemorySize: 1024\n", encoding="utf-8")

    done = repository.make("deploy")

    assert done.status == 0, done.err
    build, deploy = done.calls
    assert build[-1] == "Architecture=x86_64"
    *own, last = read_overrides(deploy)
    assert own == list(find_own_overrides(repository))
    assert last == {"Architecture": "x86_64"}


def test_the_architecture_of_make_keeps_the_other_parameters_of_samconfig(repository: Repository) -> None:
    configuration = '{"timeouts": {"connect": 3}, "routes": {"a b": null}}'
    own = f"'Stage=dev', 'Architecture=x86_64', {{ GatewayConfig = '{configuration}' }}, 'file://more.yaml'"
    repository.configure(f"[{own}]")
    (repository.root / "more.yaml").write_text("MemorySize: 1024\n", encoding="utf-8")

    _, deploy = repository.make("deploy", "ARCHITECTURE=arm64").calls

    assert parse_as_sam(deploy) == {
        "Stage": "dev",
        "Architecture": "arm64",
        "GatewayConfig": configuration,
        "MemorySize": "1024",
    }


def test_the_default_architecture_is_that_of_the_template(repository: Repository) -> None:
    done = repository.make("deploy")

    build, deploy = done.calls
    assert build[-1] == "Architecture=arm64"
    assert read_overrides(deploy)[-1] == {"Architecture": "arm64"}


@pytest.mark.parametrize("overrides", ['["Stage=dev"]', '["Stage=dev", "Architecture=arm64"]'])
def test_a_layer_for_another_machine_is_not_uploaded(repository: Repository, overrides: str) -> None:
    repository.configure(overrides)

    check_refused(repository.make("deploy", FAKE_MACHINE="62"), "x86_64", "arm64", "jiter.so", "make clean")


def test_a_layer_for_an_unknown_machine_is_not_uploaded(repository: Repository) -> None:
    check_refused(repository.make("deploy", FAKE_MACHINE="3"), "ELF machine 3", "arm64")


def test_an_unknown_architecture_of_samconfig_is_refused(repository: Repository) -> None:
    repository.configure('["Stage=dev", "Architecture=amd64"]')

    check_refused(repository.make("deploy"), "samconfig.toml", "dev", "'amd64'")


def test_the_build_alone_uploads_nothing(repository: Repository) -> None:
    done = repository.make("build", "ARCHITECTURE=x86_64")

    assert (done.status, done.uploaded) == (0, False)
    assert "next steps" not in done.out
