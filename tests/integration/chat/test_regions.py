"""The aliases in each region of DashScope, after a change of the default provider alone."""

import pytest

from qwen_gateway import catalog, config
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import QWEN_MAX, chat_request
from tests.integration.chat.conftest import MakeGateway

REGIONS = {name: provider.catalog for name, provider in config.parse("").providers.items() if provider.catalog}
ALIASES = config.parse("").routes


@pytest.mark.parametrize("region", REGIONS)
def test_every_alias_works_in_every_region(make_gateway: MakeGateway, provider: RunningMockQwen, region: str) -> None:
    own = {"base_url": f"{provider.url}/v1", "workspace": "ws-1"}
    gateway = make_gateway(provider.url, attempts=4, more={"default_provider": region, "providers": {region: own}})
    gateway.aws.store_provider_keys(**{region: "sk-test"})
    section = catalog.section(REGIONS[region] or "")
    provider.control({"models": [name for name, model in section.items() if not model.retirement]})

    for alias, targets in ALIASES.items():
        headers = gateway.chat(chat_request(model=alias)).headers
        assert (headers["x-gateway-provider"], headers["x-gateway-model"]) == (region, targets[0].model)

    provider.control({"models": [QWEN_MAX[-1]]})
    for alias in ALIASES:
        answer = gateway.chat(chat_request(model=alias))
        assert (answer.status, answer.headers["x-gateway-model"]) == (200, QWEN_MAX[-1])
