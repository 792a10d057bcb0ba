"""What the command says to a person, and how it ends."""

from typing import NoReturn

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class CommandRefused(Exception):  # noqa: N818 - named by cause, as every error of the house
    """The command cannot do what was asked; the message says why and what helps. It ends with status 1."""


def refuse(message: str) -> NoReturn:
    """End the command with a message for the operator."""
    raise CommandRefused(message)
