"""What contract tests share: the transformed template, and the functions over the same AWS as the integration tests."""

import pytest

from tests.contract.transformed import Template, transform
from tests.integration.chat.conftest import gateway, make_gateway
from tests.integration.conftest import _running, aws, aws_environment, provider, shared_ssl_context

__all__ = ["_running", "aws", "aws_environment", "gateway", "make_gateway", "provider", "shared_ssl_context"]


@pytest.fixture(scope="session")
def template() -> Template:
    """Return the template as CloudFormation runs it."""
    return transform()
