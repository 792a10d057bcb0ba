"""Retired models: what their routes are, before and after the date, and when clients are warned."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from qwen_gateway import catalog, config
from qwen_gateway.catalog import Retirement
from qwen_gateway.errors import ModelUnknown
from qwen_gateway.routing import RETIREMENT_NOTICE, Routes, Target

RETIRED = cast("Retirement", catalog.section("dashscope-intl")["qwen3-max"].retirement)
OLD, OLDER, LIVE = (Target("dashscope", name) for name in ("qwen3-max", "qwq-plus", "qwen-flash"))
BEFORE, AT, AFTER = (RETIRED.date + timedelta(seconds=seconds) for seconds in (-1, 0, 1))
CHAINS = {
    "mixed": [{"model": "qwen3-max"}, {"model": "qwen-flash"}],
    "old": [{"model": "qwq-plus"}, {"model": "qwen3-max"}],
    "qwq-plus": [{"model": "qwq-plus"}],
}


def routes(now: datetime = AFTER, **chains: Any) -> Routes:
    return Routes(config.parse("", {"routes": CHAINS | chains}), now.timestamp)


def test_a_target_is_passed_over_from_its_retirement_on() -> None:
    assert routes(BEFORE).targets("mixed") == (OLD, LIVE)
    assert routes(AT).targets("mixed") == routes(AFTER).targets("mixed") == (LIVE,)


def test_if_every_target_is_retired_the_last_one_is_called() -> None:
    assert routes(BEFORE).targets("old") == (OLDER, OLD)
    assert routes(AFTER).targets("old") == (OLD,)
    assert routes(AFTER).targets("qwq-plus") == (OLDER,)


def test_a_retired_model_has_no_route_of_its_name_unless_it_is_configured() -> None:
    assert routes(BEFORE).targets("qwen3-max") == (OLD,)
    assert "qwen3-max" in routes(BEFORE).all()
    assert "qwen3-max" not in routes(AFTER).all()
    with pytest.raises(ModelUnknown, match=r"retired the model 'qwen3-max' on 2026-10-10\. .* 'qwen3\.7-max'"):
        routes(AFTER).targets("qwen3-max")
    with pytest.raises(ModelUnknown, match=r"retired the model 'qwq-plus' on 2026-10-10\.$"):
        routes(AFTER, **{"qwq-plus": None}).targets("qwq-plus")


def test_every_route_is_listed_with_the_targets_that_are_called() -> None:
    listed = routes(AFTER).all()

    assert (listed["mixed"], listed["old"], listed["qwq-plus"]) == ((LIVE,), (OLD,), (OLDER,))
    assert all(targets == routes(AFTER).targets(name) for name, targets in listed.items())


def test_a_retirement_is_announced_for_30_days_and_after_it() -> None:
    notice = RETIRED.date - RETIREMENT_NOTICE

    assert timedelta(days=30) == RETIREMENT_NOTICE
    assert routes(notice - timedelta(seconds=1)).retirement(OLD) is None
    assert routes(notice).retirement(OLD) == routes(AFTER).retirement(OLD) == RETIRED
    assert routes(AFTER).retirement(LIVE) is routes(AFTER).retirement(Target("holysheep", "qwen3-max")) is None
    assert not routes(BEFORE).is_retired(OLD)
    assert routes(AT).is_retired(OLD)


def test_the_time_is_read_with_each_request() -> None:
    now = [BEFORE.timestamp()]
    served = Routes(config.parse("", {"routes": CHAINS}), lambda: now[0])
    assert served.targets("mixed") == (OLD, LIVE)

    now[0] = AFTER.timestamp()
    assert served.targets("mixed") == (LIVE,)


def test_tests_do_not_depend_on_the_date(clock_after_catalog: Callable[[], float]) -> None:
    served = Routes(config.parse("", {"routes": CHAINS}))
    assert served._now is clock_after_catalog
    retired = [model.id for model in catalog.section("dashscope-intl").values() if model.retirement]

    assert retired
    assert all(served.is_retired(Target("dashscope", model)) for model in retired)
