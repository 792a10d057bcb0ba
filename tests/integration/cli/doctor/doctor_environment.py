"""A stack whose providers are mocks, and the doctor command for it."""

import json
from typing import Any

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.integration.cli.conftest import CloudFormation
from tests.integration.cli.operator import STACK, Ended, Run, described_stack
from tests.integration.emulated_aws import Aws

SINGAPORE, BEIJING, RESELLER = "dashscope", "dashscope-beijing", "holysheep"
KEYS = {SINGAPORE: "sk-marked-singapore", BEIJING: "sk-marked-beijing", RESELLER: "hs-marked-reseller"}
NOWHERE = "http://127.0.0.1:9/v1"
VARIABLES = ("DASHSCOPE_API_KEY", "HOLYSHEEP_API_KEY", "QWEN_GATEWAY_PROVIDER_KEY")

type Row = dict[str, Any]
ALL_WELL = {"key": "ok", "accepted": "ok", "models": "ok", "chat": "ok"}
ALL_OF_DASHSCOPE = ALL_WELL | {"messages": "ok", "responses": "ok", "embeddings": "ok"}


class DoctorEnvironment:
    """A stack on AWS whose providers are the servers, and the doctor that examines it."""

    def __init__(self, aws: Aws, run: Run, cloudformation: CloudFormation, servers: dict[str, RunningMockQwen]) -> None:
        self.aws = aws
        self._run, self._cloudformation, self._servers = run, cloudformation, servers
        self.configure()

    def configure(self, *, access_logs: str = "off", **changes: Any) -> None:
        """Deploy with these changes of the configuration."""
        described = described_stack(gateway_config=json.dumps(self.configuration(**changes)), access_logs=access_logs)
        self._cloudformation(described)

    def configuration(self, providers: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """Return the servers as providers; regions that have no server are left out."""
        own: dict[str, Any] = {f"dashscope-{region}": None for region in ("virginia", "hongkong", "frankfurt", "tokyo")}
        own |= {
            name: {"base_url": f"{server.url}/v1"} | ({} if name == RESELLER else {"anthropic_base_url": server.url})
            for name, server in self._servers.items()
        }
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


def states(rows: dict[tuple[str, str], Row], subject: str) -> dict[str, str]:
    return {check: row["state"] for (who, check), row in rows.items() if who == subject}


def limits(allowed: int) -> str:
    return json.dumps({"AccountLimit": {"ConcurrentExecutions": allowed, "UnreservedConcurrentExecutions": allowed}})
