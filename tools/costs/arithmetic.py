"""From how many calls a month on containers that always run are cheaper."""

from decimal import Decimal

from qwen_gateway_cli.aws_costs import CallCost, Prices


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
