"""The cost of the gateway on AWS, by list prices: idle, per call, and beside containers that always run.

`qwen_gateway_cli.aws_costs` has the prices with their sources, `template.yaml` what is counted. `make costs` writes the
figures into README.md and docs/performance.md.
"""

from qwen_gateway_cli.aws_costs import CallCost, Prices, call_cost, load_prices
from tools.costs.arithmetic import always_on_month, crossover
from tools.costs.documents import update_documents
from tools.costs.idle import IdleCost, idle_cost

__all__ = [
    "CallCost",
    "IdleCost",
    "Prices",
    "always_on_month",
    "call_cost",
    "crossover",
    "idle_cost",
    "load_prices",
    "update_documents",
]
