"""The GitHub workflows: what they call exists, what they use is pinned, and what they may do is little.

They have not run on GitHub.
"""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.template import ROOT

WORKFLOWS = {path.name: path for path in sorted((ROOT / ".github/workflows").glob("*"))}
ALLOWED_PERMISSIONS = {
    ("check.yml", "check"): {"contents": "read"},
    ("check.yml", "changes"): {"contents": "read", "id-token": "write", "pull-requests": "write"},
    ("deploy.yml", "check"): {"contents": "read"},
    ("deploy.yml", "dev"): {"contents": "read", "id-token": "write"},
    ("deploy.yml", "prod"): {"contents": "read", "id-token": "write"},
}
CREDENTIALS = "aws-actions/configure-aws-credentials"


def read(name: str) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as a boolean; BaseLoader leaves every value text.
    workflow: dict[str, Any] = yaml.load(WORKFLOWS[name].read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506
    return workflow


def list_steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in WORKFLOWS:
        for job in read(name)["jobs"].values():
            yield from ((name, step) for step in job["steps"])


def list_commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if step.get("run", "").startswith("make ")]


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {target for _, step in list_steps() for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}

    assert {"check", "test", "changes", "deploy", "smoke"} <= named
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it() -> None:
    pattern = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    lines = [line for path in WORKFLOWS.values() for line in path.read_text(encoding="utf-8").splitlines()]
    uses = [line.strip().removeprefix("- ") for line in lines if "uses:" in line]

    assert uses
    assert [line for line in uses if not pattern.fullmatch(line)] == []


def test_an_action_has_one_version_in_all_workflows() -> None:
    used = {step["uses"] for _, step in list_steps() if "uses" in step}

    assert len({each.partition("@")[0] for each in used}) == len(used)


def test_each_job_has_the_permissions_that_it_needs_and_no_other() -> None:
    found = {(name, job): each["permissions"] for name in WORKFLOWS for job, each in read(name)["jobs"].items()}

    assert found == ALLOWED_PERMISSIONS


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_gives_its_jobs_no_permission(name: str) -> None:
    assert read(name)["permissions"] == {}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_reads_no_secret(name: str) -> None:
    text = WORKFLOWS[name].read_text(encoding="utf-8")

    assert "secrets." not in text
    assert set(re.findall(r"vars\.(\w+)", text)) <= {"AWS_ROLE_ARN", "AWS_REGION"}


def test_credentials_are_those_of_a_role_in_an_environment() -> None:
    """Without an environment, the token's `sub` is another one than the role's trust policy names."""
    for name in WORKFLOWS:
        for job in read(name)["jobs"].values():
            (settings,) = [step["with"] for step in job["steps"] if CREDENTIALS in step.get("uses", "")] or [None]
            assert ("id-token" in job["permissions"]) == (settings is not None) == ("environment" in job)
            assert settings is None or set(settings) == {"role-to-assume", "aws-region"}


def test_pull_requests_run_no_code_with_another_branchs_rights() -> None:
    assert list(read("check.yml")["on"]) == ["pull_request"]
    assert "head.repo.full_name == github.repository" in read("check.yml")["jobs"]["changes"]["if"]


def test_main_is_tested_then_deployed_to_dev_then_to_prod() -> None:
    jobs = read("deploy.yml")["jobs"]

    assert read("deploy.yml")["on"] == {"push": {"branches": ["main"]}}
    assert list_commands(jobs["check"]) == ["make check", "make test"]
    assert [jobs[stage]["needs"] for stage in ("dev", "prod")] == ["check", "dev"]
    assert [jobs[stage]["environment"] for stage in ("dev", "prod")] == ["dev", "prod"]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_deployment_is_followed_by_its_smoke_test_and_advice(stage: str) -> None:
    job = read("deploy.yml")["jobs"][stage]
    with (ROOT / "samconfig.toml").open("rb") as file:
        stack = tomllib.load(file)[stage]["deploy"]["parameters"]["stack_name"]

    assert list_commands(job) == [f"make deploy STAGE={stage} CONFIRM=no", f"make smoke STACK={stack}"]
    assert job["steps"][-1]["if"] == "failure()"
    assert job["concurrency"] == {"group": f"deploy-{stage}", "cancel-in-progress": "false"}


FAKE_GH = """\
#!/bin/sh
echo "$@" >> "{calls}"
case "$*" in *--paginate*) printf '%s' "{found}";; esac
"""


@pytest.mark.parametrize(
    ("found", "call"),
    [
        ("", "--method POST repos/me/gateway/issues/7/comments"),
        ("123\n", "--method PATCH repos/me/gateway/issues/comments/123"),
    ],
    ids=["first push", "later push"],
)
def test_the_changes_are_one_comment_that_is_updated(tmp_path: Path, found: str, call: str) -> None:
    (script,) = (
        step["run"] for step in read("check.yml")["jobs"]["changes"]["steps"] if "comment" in step.get("name", "")
    )
    gh, calls = tmp_path / "gh", tmp_path / "calls"
    gh.write_text(FAKE_GH.format(calls=calls, found=found), encoding="utf-8")
    gh.chmod(0o755)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/changes.md").write_text("### Changes\n", encoding="utf-8")
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_REPOSITORY": "me/gateway", "PULL_REQUEST": "7"}

    subprocess.run(["bash", "-eo", "pipefail", "-c", script], check=True, cwd=tmp_path, env=variables)

    assert call in calls.read_text(encoding="utf-8").splitlines()[-1]
    marker, *body = (tmp_path / ".local/comment.md").read_text(encoding="utf-8").splitlines()
    assert marker.startswith("<!--")
    assert body == ["### Changes"]
