"""The load of a gateway, from its usage: the average day of some days, and the average answered request."""

import time

from qwen_gateway.ledger.day_rows import Totals
from qwen_gateway.ledger.usage_items import UsageItems
from qwen_gateway_cli.compare.comparison import Load
from qwen_gateway_cli.console import note, refuse
from qwen_gateway_cli.date_range import DateRange
from qwen_gateway_cli.key_names import find_keys
from qwen_gateway_cli.stack import Stack


def read_load(gateway: Stack, dates: DateRange) -> Load:
    """Return the average load of days.

    Raises:
        CommandRefused: no request was answered.
    """
    items = UsageItems(gateway.clients.dynamodb, gateway.usage_table)
    used = Totals.empty()
    for key_id in find_keys(gateway, None):
        for row in items.days_so_far(key_id, dates.first, dates.last, time.time()):
            for totals in row.models.values():
                used.add(totals)
    answered = used.requests.get("answered", 0)
    if not answered:
        refuse(f"No request was answered on {dates} (UTC), so there is no load to compare.")
    note(f"{answered:,} answered requests of {dates} (UTC), on average")
    tokens_in, tokens_out = (round(used.sums.get(name, 0) / answered) for name in ("tokens_in", "tokens_out"))
    return Load(max(round(answered / dates.days), 1), max(tokens_in, 1), tokens_out)
