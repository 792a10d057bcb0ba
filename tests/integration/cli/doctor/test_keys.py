"""What the doctor finds of keys, and to whom it shows them."""

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from qwen_gateway import config
from qwen_gateway.config import Provider
from qwen_gateway_cli.doctor import plans
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import QWEN_MAX
from tests.integration.cli.doctor.doctor_environment import (
    ALL_OF_DASHSCOPE,
    BEIJING,
    KEYS,
    NOWHERE,
    RESELLER,
    SINGAPORE,
    VARIABLES,
    DoctorEnvironment,
    states,
)
from tests.integration.cli.operator import Run
from tests.integration.mock_server import serve_response


def test_a_provider_without_a_key_fails_only_when_a_route_needs_it(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen]
) -> None:
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    assert doctor_env.ends().status == 0

    doctor_env.configure(routes={"qwen-max": [{"model": QWEN_MAX[0]}, {"model": "qwen-max", "provider": RESELLER}]})
    assert states(doctor_env.rows(), RESELLER) == {"key": "failed"}
    assert doctor_env.ends().status == 1


def test_providers_without_a_key_are_not_called(doctor_env: DoctorEnvironment) -> None:
    heard: list[dict[str, str]] = []
    with serve_response(200, "{}", heard) as others:
        doctor_env.configure(providers={name: {"base_url": f"{others}/v1"} for name in (BEIJING, RESELLER)})
        doctor_env.keys(dashscope=KEYS[SINGAPORE])
        doctor_env.ends()

    assert heard == []


@pytest.mark.parametrize("key", ["sk-xxx", "your-key", '"sk-4f6f0b4e"', "sk-..."])
def test_an_invalid_key_is_reported_and_not_sent(doctor_env: DoctorEnvironment, key: str) -> None:
    heard: list[dict[str, str]] = []
    with serve_response(401, "{}", heard) as server:
        doctor_env.configure(providers={SINGAPORE: {"base_url": f"{server}/v1"}})
        doctor_env.keys(dashscope=key)
        rows = doctor_env.rows()

    assert states(rows, SINGAPORE) == {"key": "failed"}
    assert "secrets set dashscope" in rows[SINGAPORE, "key"]["advice"]
    assert heard == []


def test_a_key_of_another_region_is_led_there(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen]
) -> None:
    doctor_env.keys(dashscope=KEYS[BEIJING])
    rows = doctor_env.rows()

    assert states(rows, SINGAPORE) == {"key": "ok", "accepted": "failed", "region": "failed"}
    assert f"belongs to {BEIJING}" in rows[SINGAPORE, "region"]["found"]
    assert f"secrets set {BEIJING}" in rows[SINGAPORE, "region"]["advice"]
    assert servers[SINGAPORE].calls() == servers[BEIJING].calls() == []


def test_a_key_that_no_region_accepts_is_reported_with_the_regions_tried(doctor_env: DoctorEnvironment) -> None:
    doctor_env.configure(providers={"dashscope-frankfurt": {"base_url": "https://{workspace}.example.com/v1"}})
    doctor_env.keys(dashscope="sk-nobodys")
    found = doctor_env.rows()[SINGAPORE, "region"]["found"]

    assert f"tried {BEIJING}" in found
    assert "not tried, because `workspace` is not set: dashscope-frankfurt" in found


def test_a_refused_key_of_dashscope_is_shown_to_no_reseller(doctor_env: DoctorEnvironment) -> None:
    heard: list[dict[str, str]] = []
    with serve_response(200, "{}", heard) as reseller:
        doctor_env.configure(providers={RESELLER: {"base_url": f"{reseller}/v1", "catalog": "dashscope-intl"}})
        doctor_env.keys(dashscope="sk-nobodys")
        doctor_env.ends()

    assert heard == []


def test_a_refused_key_of_a_reseller_is_shown_to_no_region(doctor_env: DoctorEnvironment) -> None:
    heard: list[dict[str, str]] = []
    with serve_response(200, "{}", heard) as region:
        doctor_env.configure(providers={SINGAPORE: {"base_url": f"{region}/v1"}, BEIJING: {"base_url": f"{region}/v1"}})
        doctor_env.keys(holysheep="hs-nobodys")
        rows = doctor_env.rows()

    assert states(rows, RESELLER) == {"key": "ok", "accepted": "failed"}
    assert heard == []


def test_a_region_that_is_silent_is_passed_over(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen]
) -> None:
    taking = {"base_url": f"{servers[BEIJING].url}/v1"}
    doctor_env.configure(providers={BEIJING: {"base_url": NOWHERE}, "dashscope-virginia": taking})
    doctor_env.keys(dashscope=KEYS[BEIJING])

    assert "belongs to dashscope-virginia" in doctor_env.rows()[SINGAPORE, "region"]["found"]


def test_no_key_is_ever_shown_even_when_a_provider_quotes_it(doctor_env: DoctorEnvironment) -> None:
    quoting = json.dumps({"error": {"code": "InternalError", "message": f"Bearer {KEYS[SINGAPORE]} is odd"}})
    with serve_response(500, quoting) as url:
        doctor_env.configure(providers={SINGAPORE: {"base_url": f"{url}/v1"}})
        doctor_env.keys(dashscope=KEYS[SINGAPORE], dashscope_beijing="sk-marked-nobodys", holysheep='"hs-marked"')
        told = [doctor_env.ends(), doctor_env.ends("--json")]

    assert all("is odd" in " ".join(ended.out.split()) for ended in told)
    assert not [ended for ended in told if "marked" in ended.out + ended.err]


def test_without_a_stack_the_environments_keys_are_examined(
    doctor_env: DoctorEnvironment, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(doctor_env.configuration()))
    ended = run("doctor")
    assert ended.status == 1
    assert "export DASHSCOPE_API_KEY=..." in " ".join(ended.out.split())

    monkeypatch.setenv("DASHSCOPE_API_KEY", KEYS[SINGAPORE])
    rows = {(row["subject"], row["check"]): row for row in json.loads(run("doctor", "--json").out)["findings"]}
    assert states(rows, SINGAPORE) == ALL_OF_DASHSCOPE
    assert "the environment" in rows[SINGAPORE, "key"]["found"]
    # The variable is that of all regions: only the one that routes use is meant.
    assert states(rows, BEIJING) == {"key": "not configured"}

    monkeypatch.setenv("DASHSCOPE_API_KEY", KEYS[BEIJING])
    assert run("doctor", "--provider", BEIJING).status == 0


@pytest.fixture
def plan_hosts(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that replaces the hosts of the plans, and the domains that count as DashScope's."""

    def replace(urls: dict[str, str], domain: str = "127.0.0.1") -> None:
        monkeypatch.setattr(plans, "_load_document", lambda: {"domains": [domain], "regions": ["x"], "urls": urls})

    return replace


def test_a_key_of_another_plan_is_reported_with_its_base_url(
    doctor_env: DoctorEnvironment, servers: dict[str, RunningMockQwen], plan_hosts: Callable[..., None]
) -> None:
    servers[RESELLER].control({"accepted_key": "sk-sp-plan"})
    url = f"{servers[RESELLER].url}/x/v1"
    plan_hosts({"coding plan": NOWHERE, "token plan": url.replace("/x/", "/{region}/")})
    doctor_env.keys(dashscope="sk-sp-plan")
    rows = doctor_env.rows()

    assert states(rows, SINGAPORE) == {"key": "ok", "accepted": "failed", "plan": "failed"}
    assert rows[SINGAPORE, "plan"]["found"] == f"the key belongs to the token plan ({url})"
    assert f'providers.dashscope.base_url = "{url}"' in rows[SINGAPORE, "plan"]["advice"]


def test_a_key_of_another_region_is_shown_to_no_plan(
    doctor_env: DoctorEnvironment, plan_hosts: Callable[..., None]
) -> None:
    heard: list[dict[str, str]] = []
    with serve_response(200, '{"data": []}', heard) as plan:
        plan_hosts({"coding plan": f"{plan}/v1"})
        doctor_env.keys(dashscope=KEYS[BEIJING])
        assert "region" in states(doctor_env.rows(), SINGAPORE)

        doctor_env.keys(holysheep="hs-nobodys")
        assert states(doctor_env.rows(), RESELLER) == {"key": "ok", "accepted": "failed"}

        plan_hosts({"coding plan": f"{plan}/v1"}, "aliyuncs.com")
        doctor_env.keys(dashscope="sk-key-of-a-proxy")
        assert "plan" not in states(doctor_env.rows(), SINGAPORE)

    assert heard == []


def test_plans_are_official_hosts_and_only_for_official_hosts() -> None:
    providers = config.parse("").providers
    tried = {plan.url for plan in plans.list_plans(SINGAPORE, providers[SINGAPORE])}

    assert "https://coding-intl.dashscope.aliyuncs.com/v1" in tried
    assert "https://token-plan.ap-northeast-1.maas.aliyuncs.com/compatible-mode/v1" in tried
    assert all((urlsplit(url).hostname or "").endswith(".aliyuncs.com") for url in tried)
    assert all(plans.list_plans(name, each) for name, each in providers.items() if each.catalog)
    assert plans.list_plans(RESELLER, providers[SINGAPORE]) == []
    for url in ("https://api.example.com/v1", "https://dashscope.aliyuncs.com.example.com/v1", NOWHERE):
        assert plans.list_plans(SINGAPORE, Provider(base_url=url)) == []


def test_a_retired_model_of_a_route_is_a_warning(doctor_env: DoctorEnvironment) -> None:
    doctor_env.configure(routes={"old": [{"model": "qwen3-max"}, {"model": "qwen-flash"}]})
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    rows = doctor_env.rows()

    assert rows[SINGAPORE, "retirement"]["state"] == "warning"
    assert "qwen3-max was retired on 2026-10-10 (successor: qwen3.7-max)" in rows[SINGAPORE, "retirement"]["found"]
    assert rows[SINGAPORE, "models"]["state"] == "warning"
    assert doctor_env.ends().status == 0
