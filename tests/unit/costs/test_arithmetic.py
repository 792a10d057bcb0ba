"""The cost of a million calls, and the crossover to containers that always run, with the arithmetic in plain sight."""

import pytest

from tools.costs import always_on_month, call_cost, crossover, load_prices

PRICES = load_prices()


def test_a_million_calls_of_10_s_at_512_mb_cost_what_the_prices_give() -> None:
    cost = call_cost(PRICES, memory_mb=512, seconds=10)

    # 1,000,000 calls x 10 s x 0.5 GB = 5,000,000 GB-s, each 0.0000133334 USD
    assert float(cost.compute) == pytest.approx(5_000_000 * 0.0000133334)
    assert float(cost.compute) == pytest.approx(66.67, abs=0.01)
    assert float(cost.api_gateway) == pytest.approx(3.50)
    # Lambda's requests 0.20, a read 0.125, two writes 0.625 each, 0.4 GB of log at 0.50, 1.5 GB of traffic at 0.09
    assert float(cost.rest) == pytest.approx(0.20 + 0.125 + 2 * 0.625 + 0.4 * 0.50 + 1.5 * 0.09)
    assert float(cost.rest) == pytest.approx(1.9, abs=0.05)


def test_half_the_memory_halves_the_time_of_lambda_only() -> None:
    half, whole = call_cost(PRICES, 256, 10), call_cost(PRICES, 512, 10)

    assert half.compute * 2 == whole.compute
    assert half[1:] == whole[1:]


def test_arm64_costs_a_fifth_less_than_x86_64() -> None:
    ratio = call_cost(PRICES, 512, 10).compute / call_cost(PRICES, 512, 10, architecture="x86_64").compute

    assert float(ratio) == pytest.approx(0.8, abs=0.001)


def test_a_pair_of_tasks_and_a_load_balancer_cost_48_usd_a_month() -> None:
    # 2 x (0.5 vCPU x 0.03238 + 1 GB x 0.00356) + a balancer at 0.0225 with half an LCU at 0.008, for 730 hours
    hour = 2 * (0.5 * 0.03238 + 1 * 0.00356) + 0.0225 + 0.5 * 0.008

    assert float(always_on_month(PRICES)) == pytest.approx(730 * hour)
    assert float(always_on_month(PRICES)) == pytest.approx(48, abs=0.5)


@pytest.mark.parametrize(("memory_mb", "million_calls"), [(512, 0.67), (256, 1.24)])
def test_the_crossover_is_where_both_cost_the_same(memory_mb: int, million_calls: float) -> None:
    month, cost = always_on_month(PRICES), call_cost(PRICES, memory_mb, seconds=10)

    assert crossover(month, cost) * cost.total == pytest.approx(month)
    assert float(crossover(month, cost)) == pytest.approx(million_calls, abs=0.005)
