"""POST /v1/chat/completions."""

import functools
import threading
from typing import Any

from qwen_gateway import aws
from qwen_gateway.coldstart import Prewarm
from qwen_gateway.config import configuration, environment
from qwen_gateway.ledger import Admissions, KeysTable, KnownKeys, Settlements, UsageLedger
from qwen_gateway.observability import mute_third_party_loggers
from qwen_gateway.provider_keys.secrets_manager import ProviderKeys
from qwen_gateway.runtime import EventStream, ProxyResponse, StreamingHandler

mute_third_party_loggers()

_provider_keys = ProviderKeys(aws.secretsmanager(), environment().provider_keys_secret)
_keys = KeysTable(aws.dynamodb(), aws.dynamodb_once(), environment().keys_table)


def _connect_to_aws() -> None:
    _provider_keys.prefetch()
    _keys.connect()


# Network calls run in threads during the next imports, which take half of a cold start. A third thread would delay the
# imports by more than it saves.
threading.Thread(target=_connect_to_aws, daemon=True).start()
_prewarm = Prewarm(configuration().default_url)

from chat.service import ChatService  # noqa: E402
from qwen_gateway.api import HttpExchange  # noqa: E402
from qwen_gateway.calls import MeteredCalls  # noqa: E402
from qwen_gateway.pricing import Prices  # noqa: E402
from qwen_gateway.routing import Routes  # noqa: E402
from qwen_gateway.upstream import Transport, Upstream  # noqa: E402


@functools.cache
def _service() -> ChatService:
    settings, names = configuration(), environment()
    upstream = Upstream(settings, _provider_keys, Transport(_prewarm))
    records = UsageLedger(aws.dynamodb(), names.usage_table, names.usage_retention_days)
    routes = Routes(settings)
    calls = MeteredCalls(
        Admissions(_keys, KnownKeys()),
        upstream,
        Settlements(_keys, records),
        settings.timeouts,
        routes,
        Prices(settings),
        settings.accounting.presumed,
    )
    return ChatService(routes, calls)


@StreamingHandler
def lambda_handler(event: dict[str, Any], context: Any) -> ProxyResponse | EventStream:
    """Answer one chat call within the remaining time of the invocation."""
    with HttpExchange(event) as exchange:
        exchange.respond(_service().complete(exchange.request, context.get_remaining_time_in_millis() / 1000))
    return exchange.response


_service()
