"""The figures of the documents, between their marks."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from qwen_gateway_cli.aws_costs import Prices, call_cost
from tools.costs.arithmetic import always_on_month, crossover
from tools.costs.deployment import Template
from tools.costs.idle import IdleCost, idle_cost

ROOT = Path(__file__).parents[2]
README = "README.md"
PERFORMANCE = "docs/performance.md"

BEGIN = "<!-- Made by `make costs` from tools/costs. -->\n"
END = "<!-- End of the costs. -->\n"

_MEMORY_MB = (256, 512, 1024, 1769)
_SECONDS = (1, 3, 10, 30, 100)


def update_documents(template: Template, prices: Prices) -> dict[Path, str]:
    """Return the text of each document with current figures.

    Raises:
        ValueError: a document has no marks, or the template a resource without a known price.
    """
    idle = idle_cost(template, prices)
    parts = {README: _format_idle_line(idle), PERFORMANCE: "".join(_format_costs(idle, prices))}
    return {ROOT / name: _replace(ROOT / name, part) for name, part in parts.items()}


def _replace(document: Path, part: str) -> str:
    before, begin, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{document.name} does not have the marks {BEGIN}{END}")
    return before + begin + part + end + after


def _format_idle_line(idle: IdleCost) -> str:
    return (
        f"Idle: {_usd(idle.base)} USD a month; with alarms and dashboard: {_usd(idle.with_alarms)}, or "
        f"{_usd(idle.with_free_tier)} within CloudWatch's free\ntier ([cost]({PERFORMANCE}#cost)).\n"
    )


def _format_costs(idle: IdleCost, prices: Prices) -> Iterator[str]:
    month = always_on_month(prices)
    yield (
        f"List prices of {prices.region}, {prices.as_of.isoformat()}, without taxes, and without the provider's tokens."
        "\n\n"
    )
    yield from _format_table(
        ("a month without calls", "USD"),
        [
            ("the key secret", _usd(idle.base)),
            ("with alarms and dashboard (`AlarmEmail`)", _usd(idle.with_alarms)),
            ("the same, within CloudWatch's free tier", _usd(idle.with_free_tier)),
        ],
    )
    yield _format_storage(prices)
    cost = call_cost(prices, 512, 10)
    yield (
        f"\nA million calls of 10 s at 512 MB cost {_usd(cost.compute)} USD of Lambda's time, "
        f"{_usd(cost.api_gateway)} of API Gateway and\n{_usd(cost.rest)} for the rest (Lambda's requests, DynamoDB, "
        "log, traffic). USD for a million calls on arm64:\n\n"
    )
    yield from _format_grid(lambda memory, seconds: f"{call_cost(prices, memory, seconds).total:.2f}")
    yield (
        f"\nTwo Fargate tasks (0.5 vCPU, 1 GB, arm64) behind a load balancer cost {_usd(month)} USD a month, called or "
        "not, without\npublic addresses and NAT gateways. If they suffice for the load, they are cheaper above these "
        "millions of calls a\nmonth:\n\n"
    )
    yield from _format_grid(lambda memory, seconds: f"{crossover(month, call_cost(prices, memory, seconds)):.2f}")


def _format_storage(prices: Prices) -> str:
    get = prices.get
    return (
        f"\nStored data is added: {get('dynamodb', 'gb_month')} USD per GB and month in DynamoDB, "
        f"{get('cloudwatch', 'logs_gb_month')} in the logs. So are {get('cloudwatch', 'custom_metric_month')} USD\n"
        "for each metric of the gateway in a month in which it has data, "
        f"{get('secrets_manager', 'ten_thousand_calls')} for 10,000 reads of the secret, and "
        f"{get('sns', 'hundred_thousand_emails')}\nfor 100,000 e-mails after the first {get('sns', 'free_emails'):,} "
        "of a month.\n"
    )


def _format_grid(cell: Callable[[int, int], str]) -> Iterator[str]:
    rows = [(f"{memory} MB", *(cell(memory, seconds) for seconds in _SECONDS)) for memory in _MEMORY_MB]
    return _format_table(("memory", *(f"{seconds} s" for seconds in _SECONDS)), rows)


def _format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |\n"


def _usd(amount: Decimal) -> str:
    return f"{amount:.2f}"
