"""What the command says to a person, and how it ends."""

import json
from collections.abc import Iterable, Sequence
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class CommandRefused(Exception):
    """The command cannot do what was asked; the message says why and what helps. It ends with status 1."""


def refuse(message: str) -> NoReturn:
    """End the command with a message for the operator."""
    raise CommandRefused(message)


def note(message: str) -> None:
    """Tell the operator something beside the result: it goes to standard error."""
    err.print(Text(message))


def show(message: str) -> None:
    """Print a result for a person."""
    out.print(Text(message))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a result for a person, as a table; the last column takes what width is left."""
    table = Table(box=None, pad_edge=False)
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


def show_json(value: object) -> None:
    """Print a result for a program."""
    typer.echo(json.dumps(value, indent=2))
