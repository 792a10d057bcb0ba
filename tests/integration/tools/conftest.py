"""A deployed stack in the place of the one that `make rollback` finds."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.integration.tools.deployed_stack import DeployedStack
from tools.stage import Stage


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedStack]:
    """Yield a stack that was never released."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument="{}")
        deployed = DeployedStack(boto3.client("lambda"))

        class Session:
            region_name = "us-east-1"

            def client(self, service: str) -> Any:
                return {"cloudformation": deployed, "lambda": deployed.functions}[service]

        monkeypatch.setattr(Stage, "create_session", lambda _: Session())
        yield deployed
