"""`qwen-gateway bench`, `qwen-gateway bench upstream` and `qwen-gateway bench stream`."""

import sys

import typer

from qwen_gateway_cli.bench.command import bench
from qwen_gateway_cli.console import refuse, show_json
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.stack import JsonOption, find_repository_root

app = typer.Typer(invoke_without_command=True)


@app.callback(help=bench.__doc__)
def functions(context: typer.Context, as_json: JsonOption = False) -> None:
    """Run the benchmark of the functions, unless another one is named."""
    if context.invoked_subcommand is None:
        bench(as_json)


@app.command()
def upstream(as_json: JsonOption = False) -> None:
    """Measure the library against mock Qwen (half a minute)."""
    # The openai SDK takes longer to import than all of the command.
    from qwen_gateway_cli.bench.upstream import measure  # noqa: PLC0415

    measured = measure()
    if as_json:
        show_json(measured.as_json())
    else:
        measured.print()


@app.command()
def stream(as_json: JsonOption = False) -> None:
    """Measure what the gateway adds to a stream, beside the provider itself (Linux, two minutes)."""
    if sys.platform != "linux":
        refuse("What a process takes is read from Linux's /proc: run this there, or in a container.")
    from qwen_gateway_cli.bench.stream import report  # noqa: PLC0415 - as above
    from qwen_gateway_cli.bench.stream.measure import measure  # noqa: PLC0415

    measured = measure(Layout(find_repository_root()))
    if as_json:
        show_json(report.as_json(measured))
    else:
        report.show_figures(measured)
