"""What the functions talk to: AWS by moto's server and the stand-in provider, on an address that containers reach."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from moto.server import ThreadedMotoServer

from qwen_gateway_cli.local import upstream
from qwen_gateway_cli.local.mock_qwen.server import RunningMockQwen, run_mock_qwen
from tests.integration.emulated_aws import Aws, emulated_aws
from tests.recorder.keys import put_sample_keys
from tests.sam_local.daemon import Reach

_OURS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class Neighbours(NamedTuple):
    """Everything around the functions; the keys of the sample events open the gateway."""

    aws: Aws
    aws_url: str
    provider: RunningMockQwen
    gateway_config: dict[str, Any]


@contextmanager
def neighbours(reach: Reach) -> Iterator[Neighbours]:
    """Run AWS and the provider; the URLs are those that containers use."""
    # moto keeps its state in this process: what the server takes from containers, the clients here see.
    with _no_account(), emulated_aws() as aws, run_mock_qwen(reach.listen) as provider, _served(reach) as aws_url:
        mock = upstream.build_mock_upstream(provider.url.replace(reach.listen, reach.name))
        aws.store_provider_keys(**mock.keys)
        put_sample_keys(aws.dynamodb, aws.keys_table)
        yield Neighbours(aws, aws_url, provider, mock.gateway_config)


@contextmanager
def _no_account() -> Iterator[None]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with patch.dict(os.environ, others | _OURS, clear=True):
        yield


@contextmanager
def _served(reach: Reach) -> Iterator[str]:
    server = ThreadedMotoServer(reach.listen, port=0, verbose=False)
    server.start()
    try:
        yield f"http://{reach.name}:{server.get_host_and_port()[1]}"
    finally:
        server.stop()
