"""`make build` and `make deploy` with a fake sam: one architecture, no lost parameter, no upload by mistake."""

import json
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.contract.fake_cloudformation import FakeCloudFormation, run_fake_cloudformation
from tests.contract.template import ROOT
from tools.deploy import TARGETS

FAKE_SAM = f"""\
#!{ROOT}/.venv/bin/python
import json, os, pathlib, sys
arguments = sys.argv[1:]
with open("calls", "a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
if arguments[0] == "build":
    machines = {{"aarch64-manylinux2014": 183, "x86_64-manylinux2014": 62}}
    machine = int(os.environ.get("FAKE_MACHINE") or machines[os.environ["LAYER_PLATFORM"]])
    package = pathlib.Path(".aws-sam/build/QwenGatewayLayer/python/jiter")
    package.mkdir(parents=True, exist_ok=True)
    (package / "jiter.so").write_bytes(b"\\x7fELF" + bytes(14) + machine.to_bytes(2, "little"))
sys.exit(int(os.environ.get("FAKE_STATUS", "0")))
"""
FAKE_NEXT_STEPS = """\
def show_next_steps(stage):
    print("next steps of", stage.name)
"""
PARSE = """\
import json, sys
from samcli.cli.types import CfnParameterOverridesType
print(json.dumps(CfnParameterOverridesType().convert((sys.argv[1],), None, None)))
"""


class Done(NamedTuple):
    """How make ended, the command lines of sam, and both outputs."""

    status: int
    calls: list[list[str]]
    out: str
    err: str

    @property
    def uploaded(self) -> bool:
        return any(call[0] == "deploy" for call in self.calls)


class Repository:
    """A copy of what `make deploy` reads, in which sam is a fake."""

    def __init__(self, root: Path, cloudformation: FakeCloudFormation) -> None:
        self.root = root
        self._aws = {
            "AWS_ENDPOINT_URL": cloudformation.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for name in ("Makefile", "samconfig.toml", "template.yaml"):
            shutil.copy(ROOT / name, root)
        (root / "tools").mkdir()
        for name in ("adoption.py", "deploy.py", "rollback.py", "rules.py", "stack_status.py", "stage.py"):
            shutil.copy(ROOT / "tools" / name, root / "tools")
        (root / "tools/next_steps.py").write_text(FAKE_NEXT_STEPS, encoding="utf-8")
        self.sam = root / "fake-sam"
        self.sam.write_text(FAKE_SAM, encoding="utf-8")
        self.sam.chmod(0o755)

    def make(self, *arguments: str, **variables: str) -> Done:
        """Run make without its set-up."""
        tools = [f"SAM={self.sam}", f"BIN={ROOT}/.venv/bin", "UV=uv"]
        command: list[str | Path] = ["make", "-C", self.root, "-o", ".venv", "-o", "aws-operations", *tools, *arguments]
        environment = {"PATH": "/usr/bin:/bin", **self._aws, **variables}
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
        calls = self.root / "calls"
        lines = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
        return Done(done.returncode, [json.loads(line) for line in lines], done.stdout, done.stderr)

    def configure(self, overrides: str) -> None:
        """Replace the parameters of the stage dev in samconfig.toml."""
        file = self.root / "samconfig.toml"
        text = file.read_text(encoding="utf-8")
        assert text.count('parameter_overrides = ["Stage=dev"]') == 1
        new = text.replace('parameter_overrides = ["Stage=dev"]', f"parameter_overrides = {overrides}")
        file.write_text(new, encoding="utf-8")


@pytest.fixture
def cloudformation() -> Iterator[FakeCloudFormation]:
    """Return a CloudFormation without stacks."""
    with run_fake_cloudformation() as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path, cloudformation: FakeCloudFormation) -> Repository:
    return Repository(tmp_path, cloudformation)


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


def check_refused(done: Done, *words: str) -> None:
    """Check that nothing was uploaded, and that the message is one line and no traceback."""
    assert done.status != 0
    assert not done.uploaded
    assert "next steps" not in done.out
    message, *of_make = [line for line in done.err.splitlines() if line]
    assert all("make" in line and "Error" in line for line in of_make)
    assert all(word in message for word in words), message


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


def test_the_local_stage_is_not_deployed(repository: Repository) -> None:
    done = repository.make("deploy", "STAGE=local")

    check_refused(done, "STAGE=local", "make up")
    assert done.calls == []


def test_the_parameter_of_the_local_stage_is_not_deployed(repository: Repository) -> None:
    repository.configure('["Stage=local"]')

    assert repository.make("deploy").calls == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["STAGE=live"], ["'live'", "dev, prod"]),
        (["STAGE="], ["''", "dev, prod"]),
        (["ARCHITECTURE=arm"], ["ARCHITECTURE", "'arm'", "arm64 and x86_64"]),
        (["CONFIRM=maybe"], ["CONFIRM=maybe", "yes or no"]),
    ],
)
def test_an_invalid_setting_is_refused_before_the_build(
    repository: Repository, arguments: list[str], words: list[str]
) -> None:
    done = repository.make("deploy", *arguments)

    check_refused(done, *words)
    assert done.calls == []


def test_an_unknown_architecture_of_samconfig_is_refused(repository: Repository) -> None:
    repository.configure('["Stage=dev", "Architecture=amd64"]')

    check_refused(repository.make("deploy"), "samconfig.toml", "dev", "'amd64'")


def test_a_missing_parameter_file_is_refused(repository: Repository) -> None:
    repository.configure('["file://missing.yaml"]')

    check_refused(repository.make("deploy"), "missing.yaml", "samconfig.toml")


def test_a_failed_build_is_not_uploaded(repository: Repository) -> None:
    check_refused(repository.make("deploy", FAKE_STATUS="1"), "sam build failed")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ([], []),
        (["CONFIRM=no"], ["--no-confirm-changeset"]),
        (["CONFIRM=yes"], ["--confirm-changeset"]),
    ],
)
def test_prod_asks_unless_confirm_is_no(repository: Repository, arguments: list[str], option: list[str]) -> None:
    done = repository.make("deploy", "STAGE=prod", *arguments)

    assert done.status == 0, done.err
    assert "next steps of prod" in done.out.splitlines()
    _, deploy = done.calls
    assert deploy[:3] == ["deploy", "--config-env", "prod"]
    assert [each for each in deploy if each.endswith("-changeset")] == option
    assert "confirm_changeset = true" in (ROOT / "samconfig.toml").read_text(encoding="utf-8").split("[prod.deploy")[1]


def test_the_build_alone_uploads_nothing(repository: Repository) -> None:
    done = repository.make("build", "ARCHITECTURE=x86_64")

    assert (done.status, done.uploaded) == (0, False)
    assert "next steps" not in done.out


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_parameters_that_violate_a_rule_of_the_template_stop_before_the_build(
    repository: Repository, stage: str
) -> None:
    file = repository.root / "samconfig.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f'"Stage={stage}"', f'"Stage={stage}", "DomainName=llm.example.com"'), "utf-8")

    done = repository.make("deploy", f"STAGE={stage}")

    check_refused(done, f"stage {stage} in samconfig.toml", "DomainName is set without CertificateArn")
    assert done.calls == []


@pytest.mark.thorough  # each case is a process of its own
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("ROLLBACK_COMPLETE", ["first deployment", "CREATE_FAILED", "make teardown STAGE=dev"]),
        ("ROLLBACK_FAILED", ["make teardown STAGE=dev"]),
        ("CREATE_FAILED", ["make teardown STAGE=dev"]),
        ("DELETE_FAILED", ["DELETE_FAILED", "make teardown STAGE=dev"]),
        ("UPDATE_ROLLBACK_FAILED", ["UPDATE_FAILED", "continue-update-rollback --stack-name qwen-gateway-dev"]),
        ("CREATE_IN_PROGRESS", ["CREATE_IN_PROGRESS", "Wait"]),
        ("UPDATE_IN_PROGRESS", ["Wait", "cancel-update-stack --stack-name qwen-gateway-dev"]),
        ("UPDATE_ROLLBACK_IN_PROGRESS", ["Wait"]),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ["Wait"]),
        ("DELETE_IN_PROGRESS", ["Wait"]),
    ],
)
def test_a_stack_that_cannot_be_updated_is_refused_before_the_build(
    repository: Repository, cloudformation: FakeCloudFormation, status: str, words: list[str]
) -> None:
    cloudformation.status = status

    done = repository.make("deploy")

    check_refused(done, status, *words)
    assert done.calls == []
    assert cloudformation.stacks == ["qwen-gateway-dev"]


@pytest.mark.thorough  # each case is a process of its own
@pytest.mark.parametrize(
    "status",
    ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "REVIEW_IN_PROGRESS"],
)
def test_a_stack_that_can_be_updated_is_deployed(
    repository: Repository, cloudformation: FakeCloudFormation, status: str
) -> None:
    cloudformation.status = status

    assert repository.make("deploy").uploaded


def test_the_region_of_samconfig_is_asked(repository: Repository, cloudformation: FakeCloudFormation) -> None:
    repository.configure('["Stage=dev"]\nregion = "eu-central-1"')
    cloudformation.status = "UPDATE_ROLLBACK_FAILED"

    check_refused(repository.make("deploy"), "--region eu-central-1")
    assert cloudformation.regions == {"eu-central-1"}


@pytest.mark.thorough  # each case is a process of its own
@pytest.mark.parametrize("target", ["deploy", "rollback"])
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, ["credentials"]),
        ({"AWS_DEFAULT_REGION": "", "AWS_ENDPOINT_URL": ""}, ["No AWS region"]),
        ({"AWS_PROFILE": "missing"}, ["missing"]),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, ["127.0.0.1"]),
    ],
)
def test_an_unusable_account_is_explained(
    repository: Repository, target: str, variables: dict[str, str], words: list[str]
) -> None:
    unreachable = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "HOME": str(repository.root)}
    done = repository.make(target, **unreachable, **variables)

    check_refused(done, *words)
    assert done.calls == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["STAGE=live"], ["'live'", "dev, prod"]),
        (["STAGE=local"], ["STAGE=local", "make up"]),
        ([], ["qwen-gateway-dev", "us-east-1"]),
    ],
)
def test_a_rollback_without_a_stack_is_refused(repository: Repository, arguments: list[str], words: list[str]) -> None:
    check_refused(repository.make("rollback", *arguments), *words)
