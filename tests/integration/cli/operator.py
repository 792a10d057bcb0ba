"""The command as an operator runs it, and a CloudFormation that knows one stack."""

from collections.abc import Callable, Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape

STACK = "qwen-gateway-dev"
BASE_URL = "https://api.example.com/api/v1"
OUTPUTS = {
    "BaseUrl": BASE_URL,
    "KeysTable": "KeysTable",
    "UsageTable": "UsageTable",
    "ProviderKeysSecret": "ProviderKeysSecret",
}


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


type Run = Callable[..., Ended]


def described_stack(outputs: Mapping[str, str] = OUTPUTS, gateway_config: str = "", access_logs: str = "off") -> str:
    """Return CloudFormation's answer to DescribeStacks."""
    members = "".join(
        f"<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for name, value in outputs.items()
    )
    parameters = "".join(
        f"<member><ParameterKey>{name}</ParameterKey><ParameterValue>{escape(value)}</ParameterValue></member>"
        for name, value in {"GatewayConfig": gateway_config, "AccessLogs": access_logs}.items()
    )
    return (
        '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>'
        f"<Stacks><member><StackName>{STACK}</StackName><CreationTime>2026-11-24T09:00:00Z</CreationTime>"
        f"<StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{members}</Outputs>"
        f"<Parameters>{parameters}</Parameters></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )


def refused_by_cloudformation(code: str, message: str) -> str:
    """Return an error of CloudFormation."""
    return (
        '<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
