"""What contract tests share: the template, a repository with a fake sam, and the functions over emulated AWS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.fake_cloudformation import FakeCloudFormation, run_fake_cloudformation
from tests.contract.fake_sam import Repository
from tests.contract.template import Template, transform
from tests.integration.chat.conftest import gateway, make_gateway
from tests.integration.conftest import (
    _running,
    _shared_function_clients,
    _shared_service_models,
    aws,
    aws_environment,
    provider,
)

__all__ = [
    "_running",
    "_shared_function_clients",
    "_shared_service_models",
    "aws",
    "aws_environment",
    "gateway",
    "make_gateway",
    "provider",
]


@pytest.fixture(scope="session")
def template() -> Template:
    """Return the template as CloudFormation runs it."""
    return transform()


@pytest.fixture
def cloudformation() -> Iterator[FakeCloudFormation]:
    """Return a CloudFormation without stacks."""
    with run_fake_cloudformation() as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path, cloudformation: FakeCloudFormation) -> Repository:
    """Return a repository whose CloudFormation is that fake."""
    return Repository(tmp_path, cloudformation)
