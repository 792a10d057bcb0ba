"""The handlers in this process, for many bodies, and the API Gateway emulation with function processes, for HTTP.

Handlers use moto in this process, function processes its server; both share one state.
"""

import functools
import io
import json
import os
import sys
from collections.abc import Iterator

import pytest
from aws_lambda_powertools import Logger

from qwen_gateway import observability
from qwen_gateway_cli.aws_clients import LOCAL_KEY, LOCAL_REGION
from qwen_gateway_cli.local.apigateway.settings import FunctionSettings, GatewaySettings
from tests.builders import key_item, token
from tests.integration.apigateway.gateways import ARN, ROOT, WRAPPER, RunningGateway, run_gateway
from tests.integration.conftest import _clear_caches
from tests.integration.fresh_import import import_fresh
from tests.integration.hostile.responses import PROVIDER_KEY, Functions
from tests.recorder.recording import transform_template
from tests.sam_local.backends import Backends, run_backends
from tests.sam_local.daemon import HostAddress

LOOPBACK = HostAddress("127.0.0.1", "127.0.0.1")


@pytest.fixture(scope="module")
def backends() -> Iterator[Backends]:
    with run_backends(LOOPBACK) as run_gateway:
        run_gateway.aws.store_provider_keys(dashscope=PROVIDER_KEY)
        yield run_gateway


@pytest.fixture(scope="module")
def key(backends: Backends) -> str:
    """Return the token of an active key."""
    text = token()
    backends.aws.dynamodb.put_item(TableName=backends.aws.keys_table, Item=key_item(text))
    return text


@pytest.fixture(scope="module")
def variables(backends: Backends) -> dict[str, str]:
    """Return a function's variables of the template, with every log switched on."""
    return {
        "KEYS_TABLE": backends.aws.keys_table,
        "USAGE_TABLE": backends.aws.usage_table,
        "PROVIDER_KEYS_SECRET": backends.aws.provider_keys_secret,
        "USAGE_RETENTION_DAYS": "400",
        "ALLOWED_ORIGIN": "*",
        "EXPOSED_HEADERS": "x-request-id,retry-after",
        # Without a cooldown every request tries the targets in their order.
        "GATEWAY_CONFIG": json.dumps(backends.gateway_config | {"retries": {"cooldown": 0}}),
        "POWERTOOLS_SERVICE_NAME": "qwen-gateway",
        "POWERTOOLS_METRICS_NAMESPACE": "QwenGateway",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
        "OPENAI_LOG": "debug",
        "PYTHONWARNINGS": "always",
    }


NAMES = ("chat", "embeddings", "messages", "models", "responses_api", "usage")
"""The functions of the API."""


@pytest.fixture(scope="module")
def functions(variables: dict[str, str], key: str) -> Iterator[Functions]:
    log = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        _clear_caches()
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(observability, "logger", functools.cache(lambda: Logger(service="hostile", stream=log)))
        chat, models = import_fresh("chat.handler", patch), import_fresh("models.handler", patch)
        yield Functions(key, chat.lambda_handler, models.lambda_handler, log)
    _clear_caches()


@pytest.fixture(scope="module")
def front(
    backends: Backends, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("front")
    (folder / "logs").mkdir()
    own = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": backends.aws_url,
        "AWS_ACCESS_KEY_ID": LOCAL_KEY,
        "AWS_SECRET_ACCESS_KEY": LOCAL_KEY,
    }
    start = GatewaySettings(
        template=transform_template(),
        functions={
            f"{name.removesuffix('_api').capitalize()}Function": _function(name, variables | own) for name in NAMES
        },
        interpreter=sys.executable,
        wrapper=str(WRAPPER),
        task_root=str(ROOT / "functions"),
        logs=str(folder / "logs"),
        region=LOCAL_REGION,
        limit=2,
    )
    with run_gateway(folder, start) as started:
        yield started


def _function(name: str, environment: dict[str, str]) -> FunctionSettings:
    return FunctionSettings(
        name=name,
        arn=ARN.format(name),
        handler=f"{name}.handler.lambda_handler",
        timeout_s=28,
        memory_mb=512,
        environment=environment,
    )
