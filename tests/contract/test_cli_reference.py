"""docs/cli.md is current, and describes every command and option."""

from collections.abc import Iterator
from typing import Any

import pytest

from tools.cli_reference import FILE, PROGRAM, build_command, format_reference

COMMITTED = FILE.read_text(encoding="utf-8")


def list_commands(group: Any, path: str = PROGRAM) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if hasattr(command, "commands"):
            yield from list_commands(command, f"{path} {name}")


def find_section(path: str) -> str:
    """Return the text from a command's heading to the next heading."""
    _, heading, rest = COMMITTED.partition(f"# `{path}`\n")
    assert heading
    return rest.partition("\n#")[0]


def test_the_reference_is_current() -> None:
    assert format_reference(build_command()) == COMMITTED, "docs/cli.md is stale: run `make docs`"


def test_every_command_argument_and_option_is_described() -> None:
    for path, command in list_commands(build_command()):
        section = find_section(path)
        assert command.help.split()[0] in section
        for parameter in command.params if not hasattr(command, "commands") else ():
            assert parameter.help, f"{path}: {parameter.name} has no help text"
            name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar or parameter.name
            assert f"| `{name if name.startswith('-') else name.upper()}` |" in section


@pytest.mark.parametrize(
    ("attribute", "value"), [("help", "Changed."), ("default", 9999), ("opts", ["--other"]), ("max", 7)]
)
def test_a_changed_option_makes_the_reference_stale(attribute: str, value: object) -> None:
    program: Any = build_command()
    port = next(parameter for parameter in program.commands["up"].params if parameter.name == "port")

    setattr(port, attribute, value)

    assert format_reference(program) != COMMITTED


def test_a_changed_command_makes_the_reference_stale() -> None:
    program: Any = build_command()
    program.commands["keys"].commands["create"].help = "Changed."

    assert format_reference(program) != COMMITTED


def test_terminal_settings_do_not_change_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("COLUMNS", "40"), ("FORCE_COLOR", "1"), ("TERM", "dumb"), ("TERMINAL_WIDTH", "40")):
        monkeypatch.setenv(name, value)

    assert format_reference(build_command()) == COMMITTED
