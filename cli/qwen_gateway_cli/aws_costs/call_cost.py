"""What calls cost on the side of AWS, by list prices."""

from decimal import Decimal
from typing import NamedTuple

from qwen_gateway_cli.aws_costs.prices import Prices

MILLION = 1_000_000
_MB_IN_GB = 1024
_KB_IN_GB = 1_000_000


class CallCost(NamedTuple):
    """USD for one million calls."""

    compute: Decimal
    """Lambda's GB-seconds."""
    api_gateway: Decimal
    rest: Decimal
    """Lambda's requests, the key's read, the record's write, the log and the traffic to the client."""

    @property
    def total(self) -> Decimal:
        """USD in all."""
        return self.compute + self.api_gateway + self.rest


def call_cost(prices: Prices, memory_mb: int, seconds: Decimal | int, architecture: str = "arm64") -> CallCost:
    """Return the cost of one million calls that each keep a function of this memory busy for these seconds."""
    gb_seconds = MILLION * seconds * Decimal(memory_mb) / _MB_IN_GB
    return CallCost(
        compute=gb_seconds * prices.get("lambda", f"{architecture}_gb_second"),
        api_gateway=prices.get("api_gateway", "million_requests"),
        rest=_rest(prices),
    )


def _rest(prices: Prices) -> Decimal:
    log_gb = MILLION * prices.get("call", "log_kb") / _KB_IN_GB
    response_gb = MILLION * prices.get("call", "response_kb") / _KB_IN_GB
    return (
        prices.get("lambda", "million_requests")
        + prices.get("call", "key_reads") * prices.get("dynamodb", "million_reads")
        + prices.get("call", "record_writes") * prices.get("dynamodb", "million_writes")
        + log_gb * prices.get("cloudwatch", "logs_gb")
        + response_gb * prices.get("data_transfer", "gb_to_the_internet")
    )
