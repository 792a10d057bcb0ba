"""Functions in this process for bodies by the hundred, and the real front with function processes for what HTTP can do.

AWS is moto's in this process, and its server for function processes: the same state.
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
from qwen_gateway_cli.local import clean_environment
from qwen_gateway_cli.local.apigateway.settings import FunctionSettings, GatewaySettings
from tests.builders import key_item, token
from tests.integration.apigateway.gateways import ARN, ROOT, WRAPPER, RunningGateway, run_gateway
from tests.integration.conftest import _forget
from tests.integration.fresh_import import fresh_import
from tests.integration.hostile.meeting import PROVIDER_KEY, Functions
from tests.recorder.recording import processed_template
from tests.sam_local.daemon import Reach
from tests.sam_local.neighbours import Neighbours, neighbours

LOOPBACK = Reach("127.0.0.1", "127.0.0.1")


@pytest.fixture(scope="module")
def around() -> Iterator[Neighbours]:
    with neighbours(LOOPBACK) as them:
        them.aws.store_provider_keys(dashscope=PROVIDER_KEY)
        yield them


@pytest.fixture(scope="module")
def key(around: Neighbours) -> str:
    """The token of a key that is in the table."""
    text = token()
    around.aws.dynamodb.put_item(TableName=around.aws.keys_table, Item=key_item(text))
    return text


@pytest.fixture(scope="module")
def variables(around: Neighbours) -> dict[str, str]:
    """What the template gives a function, with every switch on that makes things talk."""
    return {
        "KEYS_TABLE": around.aws.keys_table,
        "USAGE_TABLE": around.aws.usage_table,
        "PROVIDER_KEYS_SECRET": around.aws.provider_keys_secret,
        "USAGE_RETENTION_DAYS": "400",
        "ALLOWED_ORIGIN": "*",
        # Without a cool-down each failure finds the targets in their order.
        "GATEWAY_CONFIG": json.dumps(around.gateway_config | {"retries": {"cool_down": 0}}),
        "POWERTOOLS_SERVICE_NAME": "qwen-gateway",
        "POWERTOOLS_METRICS_NAMESPACE": "QwenGateway",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
        "OPENAI_LOG": "debug",
        "PYTHONWARNINGS": "always",
    }


@pytest.fixture(scope="module")
def functions(variables: dict[str, str], key: str) -> Iterator[Functions]:
    log = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        _forget()
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(observability, "logger", functools.cache(lambda: Logger(service="hostile", stream=log)))
        chat, models = fresh_import("chat.handler", patch), fresh_import("models.handler", patch)
        yield Functions(key, chat.lambda_handler, models.lambda_handler, log)
    _forget()


@pytest.fixture(scope="module")
def front(
    around: Neighbours, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("front")
    (folder / "logs").mkdir()
    own = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": around.aws_url,
        "AWS_ACCESS_KEY_ID": clean_environment.KEY,
        "AWS_SECRET_ACCESS_KEY": clean_environment.KEY,
    }
    start = GatewaySettings(
        template=processed_template(),
        functions={f"{name.capitalize()}Function": _function(name, variables | own) for name in ("chat", "models")},
        interpreter=sys.executable,
        wrapper=str(WRAPPER),
        task_root=str(ROOT / "functions"),
        logs=str(folder / "logs"),
        region=clean_environment.REGION,
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
