"""What every function that calls providers does while Lambda initialises it.

Network calls run in threads during the imports, which take half of a cold start: so a handler makes a `Startup` before
it imports its service, and only `create_service` imports what the metered call needs.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from qwen_gateway import aws
from qwen_gateway.coldstart import Prewarm
from qwen_gateway.config import configuration, environment
from qwen_gateway.ledger import Admissions, KeysTable, KnownKeys, Settlements, UsageLedger
from qwen_gateway.observability import mute_third_party_loggers
from qwen_gateway.provider_keys.secrets_manager import ProviderKeys

if TYPE_CHECKING:
    from qwen_gateway.calls import MeteredCalls
    from qwen_gateway.routing import Routes


class Startup:
    """The connections of an execution environment, which are opened in threads, and the calls that use them."""

    def __init__(self) -> None:
        mute_third_party_loggers()
        self._provider_keys = ProviderKeys(aws.secretsmanager(), environment().provider_keys_secret)
        self._keys = KeysTable(aws.dynamodb(), aws.dynamodb_once(), environment().keys_table)
        # A third thread would delay the imports by more than it saves.
        threading.Thread(target=self._connect_to_aws, daemon=True).start()
        self._prewarm = Prewarm(configuration().default_url)

    def create_service[Service](self, create: "Callable[[Routes, MeteredCalls], Service]") -> Service:
        """Return a service with the routes and the metered calls of this environment."""
        from qwen_gateway.calls import MeteredCalls  # noqa: PLC0415 - the threads work meanwhile
        from qwen_gateway.pricing import Prices  # noqa: PLC0415
        from qwen_gateway.routing import Routes  # noqa: PLC0415
        from qwen_gateway.upstream import Transport, Upstream  # noqa: PLC0415

        settings, names = configuration(), environment()
        routes = Routes(settings)
        upstream = Upstream(settings, self._provider_keys, Transport(self._prewarm))
        records = UsageLedger(aws.dynamodb(), names.usage_table, names.usage_retention_days)
        calls = MeteredCalls(
            Admissions(self._keys, KnownKeys()),
            upstream,
            Settlements(self._keys, records),
            settings.timeouts,
            routes,
            Prices(settings),
            settings.accounting.presumed,
        )
        return create(routes, calls)

    def _connect_to_aws(self) -> None:
        self._provider_keys.prefetch()
        self._keys.connect()
