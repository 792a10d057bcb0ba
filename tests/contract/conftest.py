"""Fixtures of the contract tests: the transformed template, and the integration tests' AWS, provider and gateway."""

import pytest

from tests.contract.template import Template, transform
from tests.integration.chat.conftest import gateway, make_gateway
from tests.integration.conftest import _running, aws, aws_environment, provider, shared_ssl_context

__all__ = ["_running", "aws", "aws_environment", "gateway", "make_gateway", "provider", "shared_ssl_context"]


@pytest.fixture(scope="session")
def template() -> Template:
    """Return the template as CloudFormation transforms it."""
    return transform()
