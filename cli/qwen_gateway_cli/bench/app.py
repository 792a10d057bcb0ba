"""`qwen-gateway bench` and `qwen-gateway bench upstream`."""

import typer

from qwen_gateway_cli.bench.command import bench
from qwen_gateway_cli.console import show_json
from qwen_gateway_cli.stack import JsonOption

app = typer.Typer(invoke_without_command=True)


@app.callback(help=bench.__doc__)
def functions(context: typer.Context, as_json: JsonOption = False) -> None:
    """Run the benchmark of the functions, unless another one is named."""
    if context.invoked_subcommand is None:
        bench(as_json)


@app.command()
def upstream(as_json: JsonOption = False) -> None:
    """Measure the library's way to Qwen against the stand-in provider (half a minute)."""
    # The openai SDK takes longer to import than all of the command.
    from qwen_gateway_cli.bench.upstream import measure  # noqa: PLC0415

    measured = measure()
    if as_json:
        show_json(measured.as_json())
    else:
        measured.print()
