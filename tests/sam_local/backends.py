"""The backends of the functions: AWS (moto's server) and the mock provider, reachable from containers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from moto.server import ThreadedMotoServer

from qwen_gateway_cli import upstream
from qwen_gateway_cli.local.mock_qwen.server import RunningMockQwen, run_mock_qwen
from tests.integration.emulated_aws import Aws, emulated_aws
from tests.recorder.keys import put_sample_keys
from tests.sam_local.daemon import HostAddress

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class Backends(NamedTuple):
    """AWS and provider of the functions. The keys of the sample events are valid."""

    aws: Aws
    aws_url: str
    provider: RunningMockQwen
    gateway_config: dict[str, Any]


@contextmanager
def run_backends(address: HostAddress) -> Iterator[Backends]:
    """Run AWS and the provider; the URLs are valid inside containers."""
    # moto's server shares its state with the clients in this process.
    with (
        _use_dummy_credentials(),
        emulated_aws() as aws,
        run_mock_qwen(address.listen) as provider,
        _serve_aws(address) as aws_url,
    ):
        mock = upstream.build_mock_upstream(provider.url.replace(address.listen, address.name))
        aws.store_provider_keys(**mock.keys)
        put_sample_keys(aws.dynamodb, aws.keys_table)
        yield Backends(aws, aws_url, provider, mock.gateway_config)


@contextmanager
def _use_dummy_credentials() -> Iterator[None]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with patch.dict(os.environ, others | _CREDENTIALS, clear=True):
        yield


@contextmanager
def _serve_aws(address: HostAddress) -> Iterator[str]:
    server = ThreadedMotoServer(address.listen, port=0, verbose=False)
    server.start()
    try:
        yield f"http://{address.name}:{server.get_host_and_port()[1]}"
    finally:
        server.stop()
