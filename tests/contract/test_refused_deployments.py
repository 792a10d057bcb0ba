"""`make deploy` and `make rollback` refuse what cannot work, in one line and before anything is uploaded."""

import pytest

from tests.contract.fake_cloudformation import FakeCloudFormation
from tests.contract.fake_sam import Repository, check_refused
from tests.contract.template import ROOT

pytestmark = pytest.mark.thorough  # each case is a process of its own


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
