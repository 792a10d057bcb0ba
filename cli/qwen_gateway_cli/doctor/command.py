"""`qwen-gateway doctor`: selects what to check, and shows the findings."""

import os
from typing import Annotated

import boto3.session
import typer

from qwen_gateway.config import Configuration, parse
from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from qwen_gateway_cli.console import CommandRefused, err, note, refuse, show_json, show_table
from qwen_gateway_cli.doctor.account import AccountExamination
from qwen_gateway_cli.doctor.finding import Finding, State
from qwen_gateway_cli.doctor.provider_keys import (
    ProviderKeys,
    list_routed_providers,
    read_environment_keys,
    read_stack_keys,
)
from qwen_gateway_cli.doctor.runner import Examination, run_examinations
from qwen_gateway_cli.doctor.tables import TablesExamination
from qwen_gateway_cli.stack import JsonOption, Stack, StackOption, find_stack


def doctor(
    stack: StackOption = None,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Check only this configured provider.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Find what stops the gateway, and print the remedies. Nothing is changed.

    The command requests the list of models and one completion of at most 16 tokens from each provider with a key. The
    exit status is 1 when a check failed.
    """
    gateway = find_stack(stack)
    if gateway is None:
        note("no stack selected: checking gateway.toml, GATEWAY_CONFIG and the keys of the environment")
    configuration = parse(gateway.gateway_config if gateway else os.environ.get("GATEWAY_CONFIG", ""))
    if provider is not None and provider not in configuration.providers:
        refuse(f"The configuration has no provider {provider!r}. It has: {', '.join(configuration.providers)}.")
    with err.status("checking"):
        findings = _run_checks(configuration, provider, gateway, stack)
    is_well = all(finding.state is not State.FAILED for finding in findings)
    if as_json:
        show_json({"well": is_well, "findings": [finding._asdict() for finding in findings]})
    else:
        show_table(("WHO", "CHECK", "STATE", "MS", "FINDING"), [_build_row(finding) for finding in findings])
    if not is_well:
        raise typer.Exit(1)


def _run_checks(
    configuration: Configuration, selected: str | None, gateway: Stack | None, stack: str | None
) -> list[Finding]:
    # The openai SDK adds a third of a second to the start, and no other command needs it.
    from qwen_gateway_cli.doctor.provider import ProviderExamination  # noqa: PLC0415

    account: list[Examination] = []
    if gateway and stack:
        account = [
            AccountExamination(boto3.session.Session(), access_logs=gateway.access_logs),
            TablesExamination(gateway.clients.dynamodb, gateway.keys_table, gateway.usage_table),
        ]
    try:
        keys = _read_keys(configuration, selected, gateway, stack)
    except (CommandRefused, *AWS_ERRORS) as error:
        cause = str(error) if isinstance(error, CommandRefused) else explain_aws_error(error)
        finding = Finding("stack", "secret", State.FAILED, f"the provider keys cannot be read: {cause}")
        return [finding.redact(()), *run_examinations(account)]
    providers = [
        ProviderExamination(configuration, keys, name, is_selected=name == selected)
        for name in configuration.providers
        if selected in (None, name)
    ]
    return [finding.redact(keys.values.values()) for finding in run_examinations([*account, *providers])]


def _read_keys(
    configuration: Configuration, selected: str | None, gateway: Stack | None, stack: str | None
) -> ProviderKeys:
    if gateway:
        return read_stack_keys(gateway, stack)
    return read_environment_keys({selected} if selected else list_routed_providers(configuration))


def _build_row(finding: Finding) -> tuple[str, ...]:
    latency = "" if finding.latency_ms is None else str(finding.latency_ms)
    text = f"{finding.found}\n> {finding.advice}" if finding.advice else finding.found
    return finding.subject, finding.check, finding.state, latency, text
