"""The command `qwen-gateway`: its parts, and how it ends when something is wrong: one line, never a traceback."""

import sys

import typer

from qwen_gateway.config import ConfigurationError
from qwen_gateway.ledger.administration import KeyAdministrationError
from qwen_gateway_cli import keys, secrets
from qwen_gateway_cli.batch.command import batch
from qwen_gateway_cli.bench import app as bench
from qwen_gateway_cli.console import CommandRefused, note
from qwen_gateway_cli.doctor.command import doctor
from qwen_gateway_cli.failures import AWS_FAILURES, explain
from qwen_gateway_cli.local.commands import down, logs, status, up
from qwen_gateway_cli.routes import routes

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run the Qwen Gateway on this machine, and keep its keys and secrets wherever it is deployed.",
)
for command in (up, down, status, logs, routes, batch, doctor):
    app.command()(command)
app.add_typer(bench.app, name="bench")
app.add_typer(keys.app, name="keys")
app.add_typer(secrets.app, name="secrets")


def main() -> None:
    """Run the command line; Ctrl-C ends it with status 130."""
    try:
        app()
    except (CommandRefused, ConfigurationError, KeyAdministrationError) as refusal:
        _end(str(refusal))
    except AWS_FAILURES as failure:
        _end(explain(failure))


def _end(message: str) -> None:
    note(message)
    sys.exit(1)
