"""`qwen-gateway doctor`: what it finds, what it advises, and what it never does."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest

from qwen_gateway_cli.doctor import account, asking, chat
from qwen_gateway_cli.local.provider import RunningProvider, running_provider
from tests.integration.chat.calls import record_aws_calls
from tests.integration.cli.conftest import CloudFormation
from tests.integration.cli.operator import STACK, Ended, Run, described_stack
from tests.integration.emulated_aws import Aws
from tests.integration.stand_ins import answering

SINGAPORE, BEIJING, RESELLER = "dashscope", "dashscope-beijing", "holysheep"
KEYS = {SINGAPORE: "sk-marked-singapore", BEIJING: "sk-marked-beijing", RESELLER: "hs-marked-reseller"}
NOWHERE = "http://127.0.0.1:9/v1"
VARIABLES = ("DASHSCOPE_API_KEY", "HOLYSHEEP_API_KEY", "QWEN_GATEWAY_PROVIDER_KEY")

type Row = dict[str, Any]


@pytest.fixture(scope="module")
def _servers() -> Iterator[dict[str, RunningProvider]]:
    with ExitStack() as running:
        yield {name: running.enter_context(running_provider()) for name in KEYS}


@pytest.fixture
def servers(_servers: dict[str, RunningProvider]) -> dict[str, RunningProvider]:
    """Two regions of DashScope and a reseller; each takes its own key alone."""
    for name, server in _servers.items():
        server.reset()
        server.control({"accepted_key": KEYS[name]})
    return _servers


@pytest.fixture
def quota(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], None]]:
    """Make Lambda answer every call with this; unless told otherwise, with the usual limits."""
    with ExitStack() as running:

        def answers(body: str, status: int = 200) -> None:
            monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", running.enter_context(answering(status, body)))

        answers(limits(1_000))
        yield answers


def limits(allowed: int) -> str:
    return json.dumps({"AccountLimit": {"ConcurrentExecutions": allowed, "UnreservedConcurrentExecutions": allowed}})


class Clinic:
    """A stack on AWS whose providers are the servers, and the doctor that examines it."""

    def __init__(self, aws: Aws, run: Run, cloudformation: CloudFormation, servers: dict[str, RunningProvider]) -> None:
        self.aws = aws
        self._run, self._cloudformation, self._servers = run, cloudformation, servers
        self.configure()

    def configure(self, *, access_logs: str = "off", **changes: Any) -> None:
        """Deploy with these changes of the configuration."""
        described = described_stack(gateway_config=json.dumps(self.configuration(**changes)), access_logs=access_logs)
        self._cloudformation(described)

    def configuration(self, providers: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """Return the servers as providers; regions that have no server are left out."""
        own: dict[str, Any] = {f"dashscope-{region}": None for region in ("virginia", "hongkong", "frankfurt")}
        own |= {name: {"base_url": f"{server.url}/v1"} for name, server in self._servers.items()}
        return {"providers": own | (providers or {}), **changes}

    def keys(self, **keys: str) -> None:
        """Fill the secret."""
        self.aws.store_provider_keys(**{name.replace("_", "-"): key for name, key in keys.items()})

    def ends(self, *options: str) -> Ended:
        """Run the doctor."""
        return self._run("doctor", "--stack", STACK, *options)

    def rows(self, *options: str) -> dict[tuple[str, str], Row]:
        """Run the doctor and return its findings."""
        document = json.loads(self.ends("--json", *options).out)
        return {(row["subject"], row["check"]): row for row in document["findings"]}


@pytest.fixture
def clinic(
    aws: Aws, run: Run, cloudformation: CloudFormation, servers: dict[str, RunningProvider], quota: object
) -> Clinic:
    return Clinic(aws, run, cloudformation, servers)


def states(rows: dict[tuple[str, str], Row], subject: str) -> dict[str, str]:
    return {check: row["state"] for (who, check), row in rows.items() if who == subject}


ALL_WELL = {"key": "ok", "accepted": "ok", "models": "ok", "chat": "ok"}


def test_all_is_well(clinic: Clinic, servers: dict[str, RunningProvider]) -> None:
    clinic.keys(dashscope=KEYS[SINGAPORE])
    ended = clinic.ends("--json")
    document = json.loads(ended.out)
    rows = {(row["subject"], row["check"]): row for row in document["findings"]}

    assert (ended.status, document["well"]) == (0, True)
    assert states(rows, SINGAPORE) == ALL_WELL
    assert states(rows, BEIJING) == {"key": "not configured"}
    assert states(rows, "aws") == {"concurrency": "ok"}
    assert states(rows, "this machine") == {"clock": "ok"}
    assert all(type(rows[SINGAPORE, check]["latency_ms"]) is int for check in ("accepted", "chat"))
    assert "secret" in rows[SINGAPORE, "key"]["found"]


def test_the_chat_is_tiny_cheap_and_one(clinic: Clinic, servers: dict[str, RunningProvider]) -> None:
    clinic.keys(dashscope=KEYS[SINGAPORE])
    servers[SINGAPORE].control({"faults": [{"status": 503, "times": 9}]})
    clinic.ends()

    [call] = servers[SINGAPORE].calls()
    assert call["model"] == "qwen-flash"
    assert call["body"]["max_tokens"] <= 16


def test_a_provider_without_catalog_and_route_is_asked_for_what_it_lists(
    clinic: Clinic, servers: dict[str, RunningProvider]
) -> None:
    servers[RESELLER].control({"models": ["qwen-max-hs"]})
    clinic.keys(dashscope=KEYS[SINGAPORE], holysheep=KEYS[RESELLER])
    clinic.ends()

    assert [call["model"] for call in servers[RESELLER].calls()] == ["qwen-max-hs"]


def test_a_person_gets_a_table_with_what_to_do(clinic: Clinic) -> None:
    ended = clinic.ends()

    assert ended.status == 1
    words = " ".join(ended.out.split())
    assert "dashscope key failed no key in the stack's secret, and a route needs this provider" in words
    assert f"> Store one: qwen-gateway secrets set dashscope --stack {STACK}" in words
    assert STACK in ended.err


def test_a_provider_without_a_key_fails_only_when_a_route_needs_it(
    clinic: Clinic, servers: dict[str, RunningProvider]
) -> None:
    clinic.keys(dashscope=KEYS[SINGAPORE])
    assert clinic.ends().status == 0

    clinic.configure(routes={"qwen-max": [{"model": "qwen3-max"}, {"model": "qwen-max", "provider": RESELLER}]})
    assert states(clinic.rows(), RESELLER) == {"key": "failed"}
    assert clinic.ends().status == 1


def test_nobody_without_a_key_of_his_own_is_asked(clinic: Clinic) -> None:
    heard: list[dict[str, str]] = []
    with answering(200, "{}", heard) as others:
        clinic.configure(providers={name: {"base_url": f"{others}/v1"} for name in (BEIJING, RESELLER)})
        clinic.keys(dashscope=KEYS[SINGAPORE])
        clinic.ends()

    assert heard == []


@pytest.mark.parametrize("key", ["sk-xxx", "your-key", '"sk-4f6f0b4e"', "sk-..."])
def test_what_is_no_key_is_told_and_not_tried(clinic: Clinic, key: str) -> None:
    heard: list[dict[str, str]] = []
    with answering(401, "{}", heard) as server:
        clinic.configure(providers={SINGAPORE: {"base_url": f"{server}/v1"}})
        clinic.keys(dashscope=key)
        rows = clinic.rows()

    assert states(rows, SINGAPORE) == {"key": "failed"}
    assert "secrets set dashscope" in rows[SINGAPORE, "key"]["advice"]
    assert heard == []


def test_a_key_of_another_region_is_led_there(clinic: Clinic, servers: dict[str, RunningProvider]) -> None:
    clinic.keys(dashscope=KEYS[BEIJING])
    rows = clinic.rows()

    assert states(rows, SINGAPORE) == {"key": "ok", "accepted": "failed", "region": "failed"}
    assert f"belongs to {BEIJING}" in rows[SINGAPORE, "region"]["found"]
    assert f"secrets set {BEIJING}" in rows[SINGAPORE, "region"]["advice"]
    assert servers[SINGAPORE].calls() == servers[BEIJING].calls() == []


def test_a_key_that_no_region_takes_is_told_with_those_that_were_tried(clinic: Clinic) -> None:
    clinic.configure(providers={"dashscope-frankfurt": {"base_url": "https://{workspace}.example.com/v1"}})
    clinic.keys(dashscope="sk-nobodys")
    found = clinic.rows()[SINGAPORE, "region"]["found"]

    assert f"tried {BEIJING}" in found
    assert "not tried, because `workspace` is not set: dashscope-frankfurt" in found


def test_a_refused_key_of_dashscope_is_shown_to_no_reseller(clinic: Clinic) -> None:
    heard: list[dict[str, str]] = []
    with answering(200, "{}", heard) as reseller:
        clinic.configure(providers={RESELLER: {"base_url": f"{reseller}/v1", "catalog": "dashscope-intl"}})
        clinic.keys(dashscope="sk-nobodys")
        clinic.ends()

    assert heard == []


def test_a_refused_key_of_a_reseller_is_shown_to_no_region(clinic: Clinic) -> None:
    heard: list[dict[str, str]] = []
    with answering(200, "{}", heard) as region:
        clinic.configure(providers={SINGAPORE: {"base_url": f"{region}/v1"}, BEIJING: {"base_url": f"{region}/v1"}})
        clinic.keys(holysheep="hs-nobodys")
        rows = clinic.rows()

    assert states(rows, RESELLER) == {"key": "ok", "accepted": "failed"}
    assert heard == []


def test_a_region_that_is_silent_is_passed_over(clinic: Clinic, servers: dict[str, RunningProvider]) -> None:
    taking = {"base_url": f"{servers[BEIJING].url}/v1"}
    clinic.configure(providers={BEIJING: {"base_url": NOWHERE}, "dashscope-virginia": taking})
    clinic.keys(dashscope=KEYS[BEIJING])

    assert "belongs to dashscope-virginia" in clinic.rows()[SINGAPORE, "region"]["found"]


def test_a_routes_model_that_is_not_listed_is_named(clinic: Clinic, servers: dict[str, RunningProvider]) -> None:
    servers[RESELLER].control({"models": ["qwen-plus-hs"]})
    clinic.configure(routes={"qwen-max": [{"model": "qwen-max-hs", "provider": RESELLER}]})
    clinic.keys(dashscope=KEYS[SINGAPORE], holysheep=KEYS[RESELLER])
    rows = clinic.rows()

    assert states(rows, RESELLER) == {"key": "ok", "accepted": "ok", "models": "failed", "chat": "failed"}
    assert "qwen-max-hs" in rows[RESELLER, "models"]["found"]
    assert "qwen-plus-hs" in rows[RESELLER, "models"]["advice"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 400, "code": "Arrearage"}, "Expenses and Costs"),
        ({"status": 403, "code": "Model.AccessDenied"}, "does not serve qwen-flash"),
        ({"status": 429, "code": "limit_requests"}, "throttles"),
        ({"kind": "disconnect"}, "closed the connection"),
        ({"kind": "truncate", "after_chunks": 1}, "broke off"),
        ({"kind": "html"}, "broke off"),
    ],
)
def test_a_chat_that_fails_is_told_by_its_cause(
    clinic: Clinic, servers: dict[str, RunningProvider], fault: dict[str, Any], words: str
) -> None:
    servers[SINGAPORE].control({"faults": [fault]})
    clinic.keys(dashscope=KEYS[SINGAPORE])
    rows = clinic.rows()

    assert states(rows, SINGAPORE) == ALL_WELL | {"chat": "failed"}
    assert words in rows[SINGAPORE, "chat"]["found"]


def test_silence_ends_with_each_checks_own_patience(
    clinic: Clinic, servers: dict[str, RunningProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "CHAT_S", 0.5)
    monkeypatch.setattr(asking.models, "__defaults__", (0.5,))
    servers[SINGAPORE].control({"faults": [{"kind": "hang"}]})
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        clinic.configure(providers={RESELLER: {"base_url": f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"}})
        clinic.keys(dashscope=KEYS[SINGAPORE], holysheep=KEYS[RESELLER])
        rows = clinic.rows()

    assert "too long" in rows[SINGAPORE, "chat"]["found"]
    assert "no answer within 0.5 s" in rows[RESELLER, "accepted"]["found"]


@pytest.mark.parametrize("url", [NOWHERE, "http://no-such-host.invalid/v1", "https://127.0.0.1:9/v1", "http://[::/v1"])
def test_an_address_that_nobody_answers_is_one_finding(clinic: Clinic, url: str) -> None:
    clinic.configure(providers={SINGAPORE: {"base_url": url}})
    clinic.keys(dashscope=KEYS[SINGAPORE])
    ended = clinic.ends()

    assert ended.status == 1
    assert states(clinic.rows(), SINGAPORE) == {"key": "ok", "accepted": "failed"}
    assert "Traceback" not in ended.out + ended.err


def test_no_key_is_ever_shown_even_when_a_provider_quotes_it(clinic: Clinic) -> None:
    quoting = json.dumps({"error": {"code": "InternalError", "message": f"Bearer {KEYS[SINGAPORE]} is odd"}})
    with answering(500, quoting) as url:
        clinic.configure(providers={SINGAPORE: {"base_url": f"{url}/v1"}})
        clinic.keys(dashscope=KEYS[SINGAPORE], dashscope_beijing="sk-marked-nobodys", holysheep='"hs-marked"')
        told = [clinic.ends(), clinic.ends("--json")]

    assert all("is odd" in " ".join(ended.out.split()) for ended in told)
    assert not [ended for ended in told if "marked" in ended.out + ended.err]


def test_a_server_of_ones_own_is_asked_without_a_key(clinic: Clinic, servers: dict[str, RunningProvider]) -> None:
    servers[RESELLER].control({"accepted_key": None, "models": ["qwen3:8b"]})
    own = {"base_url": f"{servers[RESELLER].url}/v1", "needs_key": False}
    routes = {"qwen-plus": [{"model": "qwen3:8b"}], "qwen-max": None, "qwen-turbo": None}
    clinic.configure(providers={"ollama": own}, default_provider="ollama", routes=routes)
    assert states(clinic.rows(), "ollama") == ALL_WELL

    servers[RESELLER].control({"accepted_key": "sk-after-all"})
    rows = clinic.rows()
    assert states(rows, "ollama") == {"key": "ok", "accepted": "failed"}
    assert "needs_key = true" in rows["ollama", "accepted"]["advice"]

    clinic.configure(providers={"ollama": own})
    assert states(clinic.rows(), "ollama") == {"key": "not configured"}


def test_one_provider_alone(clinic: Clinic) -> None:
    clinic.keys(dashscope=KEYS[SINGAPORE])
    subjects = {subject for subject, _ in clinic.rows("--provider", SINGAPORE)}
    assert subjects == {"aws", SINGAPORE, "this machine"}

    assert states(clinic.rows("--provider", RESELLER), RESELLER) == {"key": "failed"}
    unknown = clinic.ends("--provider", "openai")
    assert (unknown.status, unknown.out) == (1, "")
    assert RESELLER in unknown.err


def test_without_a_stack_the_environments_keys_are_examined(
    clinic: Clinic, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GATEWAY_CONFIG", json.dumps(clinic.configuration()))
    ended = run("doctor")
    assert ended.status == 1
    assert "export DASHSCOPE_API_KEY=..." in " ".join(ended.out.split())

    monkeypatch.setenv("DASHSCOPE_API_KEY", KEYS[SINGAPORE])
    rows = {(row["subject"], row["check"]): row for row in json.loads(run("doctor", "--json").out)["findings"]}
    assert states(rows, SINGAPORE) == ALL_WELL
    assert "the environment" in rows[SINGAPORE, "key"]["found"]
    # The variable is that of all regions: only the one that routes use is meant.
    assert states(rows, BEIJING) == {"key": "not configured"}

    monkeypatch.setenv("DASHSCOPE_API_KEY", KEYS[BEIJING])
    assert run("doctor", "--provider", BEIJING).status == 0


def test_a_fresh_accounts_quota_is_a_warning(clinic: Clinic, quota: Callable[..., None]) -> None:
    quota(limits(10))
    clinic.keys(dashscope=KEYS[SINGAPORE])
    row = clinic.rows()["aws", "concurrency"]

    assert (row["state"], clinic.ends().status) == ("warning", 0)
    assert "at most 10" in row["found"]


def test_what_aws_denies_is_not_known_and_stops_nothing(clinic: Clinic, quota: Callable[..., None]) -> None:
    quota(json.dumps({"Code": "AccessDeniedException", "Message": "words of AWS"}), 403)
    clinic.keys(dashscope=KEYS[SINGAPORE])
    rows = clinic.rows()

    assert rows["aws", "concurrency"]["state"] == "warning"
    assert "not known: AWS" in rows["aws", "concurrency"]["found"]
    assert states(rows, SINGAPORE) == ALL_WELL


def test_access_logs_want_api_gateways_role(clinic: Clinic) -> None:
    clinic.configure(access_logs="on")
    clinic.keys(dashscope=KEYS[SINGAPORE])
    assert states(clinic.rows(), "aws") == {"concurrency": "ok", "log role": "failed"}

    role = "arn:aws:iam::123456789012:role/api-gateway-logs"
    patch = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}]
    boto3.client("apigateway").update_account(patchOperations=patch)
    assert states(clinic.rows(), "aws") == {"concurrency": "ok", "log role": "ok"}


@pytest.mark.parametrize("malformed", ["sk-marked", '{"dashscope": "sk-marked"}'])
def test_a_secret_that_cannot_be_read_is_a_finding_beside_the_others(clinic: Clinic, malformed: str) -> None:
    clinic.aws.secretsmanager.put_secret_value(SecretId=clinic.aws.provider_keys_secret, SecretString=malformed)
    ended = clinic.ends("--json")
    rows = {(row["subject"], row["check"]): row for row in json.loads(ended.out)["findings"]}

    assert ended.status == 1
    assert states(rows, "stack") == {"secret": "failed"}
    assert states(rows, "aws") == {"concurrency": "ok"}
    assert "marked" not in ended.out + ended.err


def test_nothing_on_aws_is_changed(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.configure(access_logs="on")
    clinic.keys(dashscope=KEYS[SINGAPORE])
    calls = record_aws_calls(monkeypatch)
    clinic.ends()

    assert sorted(calls) == ["DescribeStacks", "GetAccount", "GetAccountSettings", "GetSecretValue"]


def test_a_defect_of_one_examination_leaves_the_others(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError(KEYS[SINGAPORE])

    monkeypatch.setattr(account, "judge_concurrency", broken)
    clinic.keys(dashscope=KEYS[SINGAPORE])
    ended = clinic.ends("--json")
    rows = {(row["subject"], row["check"]): row for row in json.loads(ended.out)["findings"]}

    assert ended.status == 1
    assert rows["aws", "doctor"]["found"].endswith("ZeroDivisionError")
    assert states(rows, SINGAPORE) == ALL_WELL
    assert "Traceback" not in ended.out + ended.err


def test_missing_aws_credentials_are_one_line(
    run: Run, aws_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    ended = run("doctor", "--stack", STACK)

    assert (ended.status, ended.out) == (1, "")
    assert "No AWS credentials" in ended.err.splitlines()[-1]
