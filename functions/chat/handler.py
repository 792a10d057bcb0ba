"""POST /v1/chat/completions."""

import functools
import threading
from typing import Any

from chat.service import ChatService
from qwen_gateway import aws
from qwen_gateway.api import HttpRequest, Served, serve
from qwen_gateway.config import configuration, environment
from qwen_gateway.ledger import Keys, UsageLedger
from qwen_gateway.routes import Routes
from qwen_gateway.secrets import ProviderKeys
from qwen_gateway.upstream import Transport, Upstream


@functools.cache
def _provider_keys() -> ProviderKeys:
    return ProviderKeys(aws.secretsmanager(), environment().provider_keys_secret)


@functools.cache
def _service() -> ChatService:
    settings, names, dynamodb = configuration(), environment(), aws.dynamodb()
    return ChatService(
        Keys(dynamodb, names.keys_table),
        Routes(settings),
        Upstream(settings, _provider_keys(), Transport()),
        UsageLedger(dynamodb, names.usage_table, names.usage_retention_days),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one chat call within Lambda's time, less what the usage record needs."""
    seconds = context.get_remaining_time_in_millis() / 1000 - configuration().timeouts.settle

    def complete(request: HttpRequest, request_id: str) -> Served:
        return _service().complete(request, request_id, seconds)

    return serve(event, complete)


# While Lambda initialises, the processor is free and the network is not: the secret is fetched while the rest is built.
threading.Thread(target=_provider_keys().prefetch, daemon=True).start()
_service()
