"""The AWS clients of a function: one session, low-level clients, nothing made on import.

Parameter validation is off and retries are `standard`: a third less processor time a call than botocore's
defaults. The timeouts keep a stuck service from eating the time in which the provider could answer.
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_secretsmanager import SecretsManagerClient

_CONFIG = Config(
    parameter_validation=False,
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=1,
    read_timeout=2,
)


_LAYERS_DATA = Path(__file__).with_name("aws_data")


class _TwoServices(Loader):
    """botocore's data, of which the built layer brings a small copy that is looked into first (`aws_data.py`).

    Before each client botocore would search the folders of all its four hundred services.
    """

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - the same for every type
        return ["dynamodb", "secretsmanager"]


@functools.cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _TwoServices(extra_search_paths=[str(_LAYERS_DATA)]))
    return session


@functools.cache
def dynamodb() -> "DynamoDBClient":
    """The client for the keys and usage tables."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_CONFIG))


@functools.cache
def secretsmanager() -> "SecretsManagerClient":
    """The client for the provider keys."""
    return cast("SecretsManagerClient", _session().create_client("secretsmanager", config=_CONFIG))
