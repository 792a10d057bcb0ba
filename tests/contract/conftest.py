"""What contract tests share: the transformed template, and the functions over the same AWS as the integration tests."""

import pytest

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
