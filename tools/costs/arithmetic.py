"""What calls cost on Lambda, and from how many calls a month on containers that always run are cheaper."""

from decimal import Decimal
from typing import NamedTuple

from tools.costs.prices import Prices

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


def call_cost(prices: Prices, memory_mb: int, seconds: int, architecture: str = "arm64") -> CallCost:
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


def always_on_month(prices: Prices) -> Decimal:
    """Return the monthly cost of the Fargate tasks and their load balancer, in USD."""
    task_hour = prices.get("always_on", "task_vcpu") * prices.get("fargate", "arm64_vcpu_hour")
    task_hour += prices.get("always_on", "task_gb") * prices.get("fargate", "arm64_gb_hour")
    balancer_hour = prices.get("load_balancer", "hour")
    balancer_hour += prices.get("always_on", "average_lcu") * prices.get("load_balancer", "lcu_hour")
    hours = prices.get("always_on", "hours_a_month")
    return hours * (prices.get("always_on", "tasks") * task_hour + balancer_hour)


def crossover(month: Decimal, cost: CallCost) -> Decimal:
    """Return the millions of calls a month from which an alternative of this monthly cost is cheaper."""
    return month / cost.total
