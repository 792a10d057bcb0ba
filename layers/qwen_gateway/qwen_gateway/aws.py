"""The AWS clients of a function: one botocore session, created on first use.

Without parameter validation and with the retry mode `standard` a call takes a third less processor time than with
botocore's defaults. The short timeouts leave time for the provider when an AWS service does not respond.
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
_ONCE = _CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
LONGEST_AWS_CALL_S = 12.0
"""Three attempts with both timeouts, and the longest backoffs between them."""
_REDUCED_DATA = Path(__file__).with_name("aws_data")
"""botocore's data, reduced to the operations in use. It exists only in the built layer, made by `aws_data.py`."""


class _ReducedLoader(Loader):
    """Search the reduced data before botocore's own, without listing the folders of all four hundred services.

    The services listed are those of the clients below; botocore rejects a client of any other.
    """

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - the same for every type
        return ["dynamodb", "secretsmanager"]


@functools.cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _ReducedLoader(extra_search_paths=[str(_REDUCED_DATA)]))
    return session


@functools.cache
def dynamodb() -> "DynamoDBClient":
    """Return the client for the keys and usage tables."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_CONFIG))


@functools.cache
def dynamodb_once() -> "DynamoDBClient":
    """Return the client for writes that must not be repeated after an unclear answer."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_ONCE))


@functools.cache
def secretsmanager() -> "SecretsManagerClient":
    """Return the client for the provider keys."""
    return cast("SecretsManagerClient", _session().create_client("secretsmanager", config=_CONFIG))
