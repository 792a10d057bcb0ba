"""The cost of the gateway on AWS, by list prices: idle, per call, and beside containers that always run.

`aws-prices.toml` has the prices with their sources, `template.yaml` what is counted. `make costs` writes the figures
into README.md and docs/performance.md.
"""

from tools.costs.arithmetic import CallCost, always_on_month, call_cost, crossover
from tools.costs.documents import update_documents
from tools.costs.idle import IdleCost, idle_cost
from tools.costs.prices import Prices, load_prices

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
