"""`qwen-gateway doctor`: what is examined, and how the findings are told."""

import os
from typing import Annotated

import boto3.session
import typer

from qwen_gateway.config import Configuration, parse
from qwen_gateway_cli.console import CommandRefused, err, note, refuse, show_json, show_table
from qwen_gateway_cli.doctor import keys
from qwen_gateway_cli.doctor.account import Account
from qwen_gateway_cli.doctor.finding import Finding, State
from qwen_gateway_cli.doctor.keys import Keys
from qwen_gateway_cli.failures import AWS_FAILURES, explain
from qwen_gateway_cli.stack import JsonOption, Stack, StackOption, find


def doctor(
    stack: StackOption = None,
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="Examine this provider of the configuration alone.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find out what keeps the gateway from answering, and what to do about it. Nothing is changed.

    Each provider with a key is asked for its models and for one answer of at most 16 tokens. The exit status is 1 when
    something failed.
    """
    gateway = find(stack)
    if gateway is None:
        note("no stack is addressed: gateway.toml, GATEWAY_CONFIG and the keys of the environment")
    configuration = parse(gateway.gateway_config if gateway else os.environ.get("GATEWAY_CONFIG", ""))
    if provider is not None and provider not in configuration.providers:
        refuse(f"{provider!r} is no provider of this configuration. It names: {', '.join(configuration.providers)}.")
    with err.status("asking"):
        findings = _findings(configuration, provider, gateway, stack)
    well = all(finding.state is not State.FAILED for finding in findings)
    if as_json:
        show_json({"well": well, "findings": [finding._asdict() for finding in findings]})
    else:
        show_table(("WHO", "CHECK", "STATE", "MS", "FINDING"), [_row(finding) for finding in findings])
    if not well:
        raise typer.Exit(1)


def _findings(
    configuration: Configuration, wanted: str | None, gateway: Stack | None, stack: str | None
) -> list[Finding]:
    # Only this command needs the openai SDK: a third of a second of the start of every other.
    from qwen_gateway_cli.doctor.examination import Examination, examine  # noqa: PLC0415
    from qwen_gateway_cli.doctor.provider import ProviderExamination  # noqa: PLC0415

    account: list[Examination] = []
    if gateway and stack:
        account = [Account(boto3.session.Session(), access_logs=gateway.access_logs)]
    try:
        held = _keys(configuration, wanted, gateway, stack)
    except (CommandRefused, *AWS_FAILURES) as failure:
        words = str(failure) if isinstance(failure, CommandRefused) else explain(failure)
        unread = Finding("stack", "secret", State.FAILED, f"the provider keys cannot be read: {words}")
        return [unread.without(()), *examine(account)]
    providers = [
        ProviderExamination(configuration, held, name, by_name=name == wanted)
        for name in configuration.providers
        if wanted in (None, name)
    ]
    return [finding.without(held.values.values()) for finding in examine([*account, *providers])]


def _keys(configuration: Configuration, wanted: str | None, gateway: Stack | None, stack: str | None) -> Keys:
    if gateway:
        return keys.of_stack(gateway, stack)
    return keys.of_environment({wanted} if wanted else keys.used(configuration))


def _row(finding: Finding) -> tuple[str, ...]:
    latency = "" if finding.latency_ms is None else str(finding.latency_ms)
    told = f"{finding.found}\n> {finding.advice}" if finding.advice else finding.found
    return finding.subject, finding.check, finding.state, latency, told
