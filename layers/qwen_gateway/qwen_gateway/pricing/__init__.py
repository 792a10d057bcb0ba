"""What calls cost: price lists, the exact cost of a call, and an upper bound before it.

Amounts are integers in pico-units (10^-12) of a currency. A price per million tokens with up to six decimals is a whole
number of pico-units per token, so an amount is rounded in one place only: the conversion into another currency.
"""

from qwen_gateway.pricing.cost import Unpriced
from qwen_gateway.pricing.prices import Cost, Prices, sum_costs
from qwen_gateway.pricing.units import count_searches

__all__ = ["Cost", "Prices", "Unpriced", "count_searches", "sum_costs"]
