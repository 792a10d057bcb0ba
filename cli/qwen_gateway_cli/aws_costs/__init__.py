"""The side of AWS: list prices, and what calls cost there."""

from qwen_gateway_cli.aws_costs.call_cost import MILLION, CallCost, call_cost
from qwen_gateway_cli.aws_costs.prices import Prices, load_prices

__all__ = ["MILLION", "CallCost", "Prices", "call_cost", "load_prices"]
