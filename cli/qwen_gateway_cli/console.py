"""Console output: results on standard output, messages on standard error, and the error that ends a command."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
_UNLIMITED = 100_000


class CommandRefused(Exception):
    """The command cannot be carried out: exit status 1. The message states the cause and the remedy."""


def refuse(message: str) -> NoReturn:
    """Raise `CommandRefused` with a message for the operator."""
    raise CommandRefused(message)


def note(message: str) -> None:
    """Print a message on standard error, apart from the result."""
    err.print(Text(message))


def show(message: str) -> None:
    """Print a result as text."""
    out.print(Text(message))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a result as a table. The last column wraps and takes the remaining width."""
    table = Table(box=None, pad_edge=False)
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


def create_result_console() -> Console:
    """Return a console for results on standard output that does not wrap anything in a pipe."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _UNLIMITED
    return console


def fits(console: Console, table: Table) -> bool:
    """Return whether a table fits the width of a console."""
    measured = Measurement.get(console, console.options.update_width(_UNLIMITED), table)
    return measured.maximum <= console.width


def create_progress() -> Progress:
    """Return a progress display on standard error, only for a terminal; it disappears at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"))
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def write_file(path: Path, text: str) -> None:
    """Write a result into a file, and say so.

    Raises:
        CommandRefused: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"{path} cannot be written: {error.strerror}.")
    note(f"wrote {path}")


def show_json(value: object) -> None:
    """Print a result as JSON."""
    typer.echo(json.dumps(value, indent=2))
