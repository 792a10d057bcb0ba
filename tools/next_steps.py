"""What `make deploy` prints at its end: the address of the gateway, the steps that are still missing, and examples.

It reads whether the secret has a value and which API keys exist, never a provider's key or a token. A failed read
does not fail the deployment, which has happened before.
"""

import time
from collections.abc import Iterable

import boto3.session

from qwen_gateway.config import ConfigurationError, parse
from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from qwen_gateway_cli.console import CommandRefused, note, show
from qwen_gateway_cli.examples import KEY_VARIABLE, format_examples
from qwen_gateway_cli.stack import Stack, find_aws_stack
from tools.stage import Stage


def show_next_steps(stage: Stage) -> None:
    """Print the address of the stage's gateway, the missing steps and the examples."""
    try:
        stack = find_aws_stack(stage.stack, stage.create_session())
        steps = (_format_secret_step(stage, stack), _format_key_step(stage, stack))
        show(format_next_steps(stage, stack.base_url, steps))
    except (CommandRefused, ConfigurationError) as error:
        note(f"The next steps cannot be shown: {error}")
    except AWS_ERRORS as error:
        note(f"The next steps cannot be shown: {explain_aws_error(error)}")


def format_next_steps(stage: Stage, base_url: str, steps: Iterable[str]) -> str:
    """Return the whole text, with the given steps before the examples."""
    doctor = _format_command(stage, "doctor")
    return "\n\n".join(
        (
            f"\nThe gateway answers at {base_url}",
            *steps,
            f"Find what is missing, if anything:\n\n{doctor}",
            f"Put the token of an API key in place of sk-qg-..., for the examples:\n\nexport {KEY_VARIABLE}=sk-qg-...",
            format_examples(base_url),
        )
    )


def _format_command(stage: Stage, arguments: str) -> str:
    """Return a line that runs the operator's command on the stack of a stage, in the shell of the deployment."""
    shell = boto3.session.Session()
    variables = ""
    if stage.profile and stage.profile != shell.profile_name:
        variables += f"AWS_PROFILE={stage.profile} "
    if stage.region and stage.region != shell.region_name:
        variables += f"AWS_DEFAULT_REGION={stage.region} "
    return f"{variables}.venv/bin/qwen-gateway {arguments} --stack {stage.stack}"


def _format_secret_step(stage: Stage, stack: Stack) -> str:
    configuration = parse(stack.gateway_config)
    provider = configuration.default_provider
    if not configuration.providers[provider].needs_key:
        return f"The provider {provider} needs no key."
    command = _format_command(stage, f"secrets set {provider}")
    try:
        described = stack.clients.secretsmanager.describe_secret(SecretId=stack.provider_keys_secret)
    except AWS_ERRORS as error:
        return f"Store the provider's key, unless it is stored ({explain_aws_error(error)}):\n\n{command}"
    if described.get("VersionIdsToStages"):
        return f"Provider keys are stored. Their list:\n\n{_format_command(stage, 'secrets list')}"
    return f"Store the provider's key, which a hidden prompt reads:\n\n{command}"


def _format_key_step(stage: Stage, stack: Stack) -> str:
    command = _format_command(stage, "keys create --name backend")
    try:
        keys = KeyAdministration(stack.clients.dynamodb, stack.keys_table).list()
    except AWS_ERRORS as error:
        return f"Create an API key, unless you have one ({explain_aws_error(error)}):\n\n{command}"
    if any(key.status(time.time()) == "active" for key in keys):
        return f"API keys exist. Their list, without tokens:\n\n{_format_command(stage, 'keys list')}"
    return f"Create an API key for a client; its token is shown only once:\n\n{command}"
