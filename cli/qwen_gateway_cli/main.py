"""The command `qwen-gateway`: its subcommands, and one line instead of a traceback when it fails."""

import sys

import typer

from qwen_gateway.config import ConfigurationError
from qwen_gateway.datafile import DataFileInvalid
from qwen_gateway.ledger.key_errors import KeyAdministrationError
from qwen_gateway_cli import secrets
from qwen_gateway_cli.aws_errors import AWS_ERRORS, explain_aws_error
from qwen_gateway_cli.batch.command import batch
from qwen_gateway_cli.compare.command import compare_costs
from qwen_gateway_cli.console import CommandRefused, note
from qwen_gateway_cli.doctor.command import doctor
from qwen_gateway_cli.keys import command as keys
from qwen_gateway_cli.local.commands import down, logs, status, up
from qwen_gateway_cli.prices import command as prices
from qwen_gateway_cli.reconcile import reconcile
from qwen_gateway_cli.requests import command as requests
from qwen_gateway_cli.routes import routes
from qwen_gateway_cli.usage import command as usage

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run the Qwen Gateway on this machine, and manage the keys and secrets of deployed gateways.",
)
for command in (up, down, status, logs, routes, batch, doctor, reconcile):
    app.command()(command)
app.command("compare")(compare_costs)
app.add_typer(keys.app, name="keys")
app.add_typer(secrets.app, name="secrets")
app.add_typer(prices.app, name="prices")
app.add_typer(requests.app, name="requests")
app.add_typer(usage.app, name="usage")


def main() -> None:
    """Run the command line. The exit status is 1 after an error, 130 after Ctrl-C."""
    try:
        app()
    except (CommandRefused, ConfigurationError, DataFileInvalid, KeyAdministrationError) as error:
        _exit_with_message(str(error))
    except AWS_ERRORS as error:
        _exit_with_message(explain_aws_error(error))


def _exit_with_message(message: str) -> None:
    note(message)
    sys.exit(1)
