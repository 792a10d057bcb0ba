"""docs/cli.md: the reference of `qwen-gateway`, generated from the help texts of its commands and options.

`python -m tools.cli_reference` writes the file.
"""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from qwen_gateway_cli.main import app

FILE = Path(__file__).parents[1] / "docs" / "cli.md"

PROGRAM = "qwen-gateway"
_MARK = "<!-- Made by `make docs` from the help texts of the command. -->"
_COMMON = f"""\
`make .venv` installs the command as `.venv/bin/{PROGRAM}`. Every command accepts `--help`. A command with `--stack`
addresses that stack on AWS, or by default the running local stack. The exit status is 0 after success, 1 after an
error, 2 after a wrong option or argument, and 130 after Ctrl-C.
"""
_WIDTH = 120
_TYPES = {int: "integer", str: "text", Path: "path"}


def build_command(commands: typer.Typer = app) -> TyperGroup:
    """Return the command with its subcommands.

    Raises:
        TypeError: it has no subcommands.
    """
    command = typer.main.get_command(commands)
    if not isinstance(command, TyperGroup):
        raise TypeError("the command has no subcommands")
    return command


def format_reference(program: TyperGroup) -> str:
    """Return the reference of a command as Markdown."""
    head = [_MARK, f"# The command `{PROGRAM}`", _format_help(program.help), "", _format_help(_COMMON), ""]
    return "\n".join([*head, *_format_commands(program, PROGRAM, level=2)]).rstrip("\n") + "\n"


def _format_commands(group: TyperGroup, path: str, level: int) -> Iterator[str]:
    """Yield the lines of each subcommand, those of a group followed by its own subcommands."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        own_path = f"{path} {name}"
        yield f"{'#' * level} `{own_path}`"
        if isinstance(command, TyperGroup):
            yield from (_format_help(command.help), "")
            yield from _format_commands(command, own_path, level + 1)
        elif isinstance(command, TyperCommand):
            yield from _format_command(command, own_path)


def _format_command(command: TyperCommand, path: str) -> Iterator[str]:
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    arguments = [parameter for parameter in shown if isinstance(parameter, TyperArgument)]
    options = [parameter for parameter in shown if isinstance(parameter, TyperOption)]
    yield from ("```", " ".join([path, *_list_usage(arguments, options)]), "```", _format_help(command.help), "")
    if arguments:
        yield from _format_table(
            ("argument", "description"), [(f"`{_name_argument(each)}`", each.help or "") for each in arguments]
        )
    if options:
        yield from _format_table(
            ("option", "value", "default", "description"),
            [(_name_option(each), _format_value(each), _format_default(each), each.help or "") for each in options],
        )


def _list_usage(arguments: Sequence[TyperArgument], options: Sequence[TyperOption]) -> Iterator[str]:
    for argument in arguments:
        yield _name_argument(argument) if argument.required else f"[{_name_argument(argument)}]"
    for option in options:
        if option.required:
            yield f"{option.opts[-1]} {option.metavar or (option.name or '').upper()}"
    if any(not option.required for option in options):
        yield "[OPTIONS]"


def _name_argument(argument: TyperArgument) -> str:
    return argument.metavar or (argument.name or "").upper()


def _name_option(option: TyperOption) -> str:
    return ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))


def _format_value(option: TyperOption) -> str:
    """Return what an option takes: nothing, a named value, or a type with its range."""
    if option.is_flag:
        return ""
    if option.metavar:
        return f"`{option.metavar}`"
    kind = _TYPES[option.type_descriptor.annotation]
    match option.min, option.max:
        case None, None:
            return kind
        case least, None:
            return f"{kind}, {least} or more"
        case None, most:
            return f"{kind}, {most} or less"
        case least, most:
            return f"{kind}, {least} to {most}"


def _format_default(option: TyperOption) -> str:
    if option.required:
        return "required"
    return "" if option.is_flag or option.default is None else f"`{option.default}`"


def _format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', r'\|') for cell in row)} |"
    yield ""


def _format_help(text: str | None) -> str:
    """Return a help text with its paragraphs wrapped at the width of the documents."""
    paragraphs = (text or "").split("\n\n")
    return "\n\n".join(textwrap.fill(" ".join(each.split()), _WIDTH, break_on_hyphens=False) for each in paragraphs)


if __name__ == "__main__":
    FILE.write_text(format_reference(build_command()), encoding="utf-8")
