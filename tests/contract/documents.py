"""Check that what the documents name exists.

A document names things in code: in `spans`, in fenced blocks and in indented blocks. Each kind has one rule:

- command: `make TARGET VARIABLE=...`, where the Makefile has the target and the variable; `qwen-gateway SUBCOMMAND
  --option`, where the command has both; `aws SERVICE OPERATION --option` of the AWS CLI, where the service has the
  operation and the parameter.
- path: a span with a known suffix, a slash at its end, or a folder of the repository at its start, relative to one of
  `ROOTS`. What Git ignores is not checked, because it exists only after a build. In a block, words that end in `.py`
  are paths.
- module: `qwen_gateway.NAME`.
- link: `[text](path)`, relative to the document.

In decisions.md, every other span is a name or a setting, too:

- dotted name, `Class.member` or `module.member`: the project defines the class or module and the member in it, or
  Python can import it.
- setting, `name = value` or `name: value`: the name is that of a field, a constant, a parameter or a header.
- everything else: the text stands in the source, as a whole word.
"""

import ast
import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import typer
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from typer.main import get_command

from qwen_gateway_cli.main import app
from tests.contract.template import ROOT

ROOTS = ("", "layers/qwen_gateway/qwen_gateway", "cli/qwen_gateway_cli")
"""Where the paths in documents start."""
SUFFIXES = (".py", ".md", ".toml", ".yaml", ".json", ".in", ".txt")
SOURCES = ("layers", "cli", "functions", "tools", "template.yaml", "samconfig.toml", "Makefile")
DEFINING = (*SOURCES[:4], "tests")
"""Folders whose classes and modules a dotted name may mean."""
OTHER_TOOLS = ("sam ",)
"""Commands of other programs."""

_SPAN = re.compile(r"`([^`]+)`")
_BLOCK = re.compile(r"^```[\s\S]*?^```$|(?:^ {4}.*\n)+", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_MAKE = re.compile(r"(?:^|\s)make((?: +[\w.=/-]+)+)")
_COMMAND = re.compile(r"(?:^|[\s/])qwen-gateway((?: +[^\s|;&()`]+)+)")
_AWS = re.compile(r"(?:^|[\s(])aws((?: +[^\s|;&()`]+)+)")
_AWS_CLI_OPTIONS = ("--output", "--query", "--region", "--profile", "--no-cli-pager")
"""Options of the AWS CLI itself, for every operation."""
_MAKE_VARIABLES = ("STACK",)
"""Variables that the program of a target reads from its environment."""
_MODULE = re.compile(r"(?:^|\s)(qwen_gateway\.\w+)(?=\s|$)")
_MODULE_FILE = re.compile(r"(?:^|\s)([\w/]+\.py)(?=\s|$)")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_SETTING = re.compile(r"([\w-]+)(?: = |: )\S.*")


def find_missing(document: Path) -> list[str]:
    """Return what a document of the repository names and what does not exist."""
    text = document.read_text(encoding="utf-8")
    return [
        *find_missing_code(text, strict=document.name == "decisions.md"),
        *(f"link {path}" for path in _LINK.findall(_BLOCK.sub("", text)) if not (document.parent / path).exists()),
    ]


def find_missing_code(text: str, *, strict: bool) -> list[str]:
    """Return the missing things that a text names in code. `strict` checks names and settings too."""
    blocks = _BLOCK.findall(text)
    spans = [" ".join(span.split()) for span in _SPAN.findall(_BLOCK.sub("", text))]
    missing = [problem for code in (*blocks, *spans) for problem in (*_check_commands(code), *_check_modules(code))]
    missing += [f"path {path}" for block in blocks for path in _MODULE_FILE.findall(block) if not _exists(path)]
    for span in spans:
        if _is_ignored(span):
            continue
        if _is_path(span):
            if not _exists(span):
                missing.append(f"path {span}")
        elif strict and not _is_command(span) and not _is_known(span):
            missing.append(f"name {span}")
    return missing


def _exists(path: str) -> bool:
    return any((ROOT / root / path).exists() for root in ROOTS)


def _check_modules(code: str) -> Iterator[str]:
    for name in _MODULE.findall(code):
        path = Path("layers/qwen_gateway", *name.split("."))
        if not (_exists(str(path)) or _exists(f"{path}.py")):
            yield f"module {name}"


def _check_commands(code: str) -> Iterator[str]:
    for line in code.splitlines():
        command = line.split("#")[0]
        for words in _MAKE.findall(command):
            yield from _check_make(words.split())
        for words in _COMMAND.findall(command):
            yield from _check_subcommand(words.split())
        for words in _AWS.findall(command):
            yield from _check_aws(words.split())


def _check_make(words: list[str]) -> Iterator[str]:
    for word in words:
        variable, assigned, _ = word.partition("=")
        if not assigned and word not in _list_targets():
            yield f"make {word}"
        if assigned and variable not in _list_variables():
            yield f"make {variable}="


def _check_subcommand(words: list[str]) -> Iterator[str]:
    command = _load_command()
    names = ["qwen-gateway"]
    for word in words:
        if not isinstance(command, typer.core.TyperGroup) or not re.fullmatch("[a-z]+", word):
            break  # The other words are options and arguments.
        names.append(word)
        if word not in command.commands:
            yield " ".join(names)
            return
        command = command.commands[word]
    known = {"--help", *(option for parameter in command.params for option in parameter.opts)}
    yield from (f"{' '.join(names)} {word}" for word in words if word.startswith("-") and word not in known)


def _check_aws(words: list[str]) -> Iterator[str]:
    """Check a command of the AWS CLI, whose operations and options are spelled as in botocore, with hyphens."""
    command = " ".join(words[:3] if words[1:2] == ["wait"] else words[:2])
    options = _OPTIONS_OF_THE_AWS_CLI.get(command) or _list_aws_options(*command.split())
    if options is None:
        yield f"aws {command}"
    else:
        yield from (f"aws {command} {word}" for word in words[2:] if word.startswith("--") and word not in options)


_OPTIONS_OF_THE_AWS_CLI = {
    "cloudformation deploy": frozenset({"--template-file", "--capabilities", "--stack-name", "--parameter-overrides"})
}
"""Commands that the AWS CLI makes of several operations, with the options that documents use."""


@functools.cache
def _list_aws_options(service: str, operation: str = "", waiter: str = "") -> frozenset[str] | None:
    """Return the options of an operation or a waiter, None if the service or the operation does not exist."""
    session = botocore.session.get_session()
    try:
        model = session.get_service_model(service)
    except UnknownServiceError:
        return None
    if waiter:
        waiters = session.get_waiter_model(service)
        named = next((each for each in waiters.waiter_names if xform_name(each, "-") == waiter), None)
        operation = xform_name(waiters.get_waiter(named).operation, "-") if named else ""
    name = next((name for name in model.operation_names if xform_name(name, "-") == operation), None)
    if name is None:
        return None
    shape = model.operation_model(name).input_shape
    return frozenset((*_AWS_CLI_OPTIONS, *(f"--{xform_name(each, '-')}" for each in (shape.members if shape else ()))))


@functools.cache
def _list_targets() -> frozenset[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z.][\w.-]*):", makefile, re.MULTILINE))


@functools.cache
def _load_command() -> Any:
    return get_command(app)


@functools.cache
def _list_variables() -> frozenset[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assigned = re.findall(r"^([A-Z]+) \?=", makefile, re.MULTILINE)
    return frozenset((*assigned, *re.findall(r"\$\(([A-Z]+)\)", makefile), *_MAKE_VARIABLES))


def _is_command(span: str) -> bool:
    return span.startswith(("make ", "qwen-gateway", "aws ", *OTHER_TOOLS))


def _is_path(span: str) -> bool:
    folder, slash, _ = span.partition("/")
    in_repository = slash and (ROOT / folder).is_dir()
    return re.fullmatch(r"[\w.-][\w./-]*", span) is not None and bool(in_repository or span.endswith((*SUFFIXES, "/")))


def _is_ignored(span: str) -> bool:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    return f"{span.partition('/')[0]}/" in ignored


def _is_known(span: str) -> bool:
    name = span.removesuffix("()")
    if _DOTTED.fullmatch(name):
        return _is_defined(name) or _is_importable(name)
    if setting := _SETTING.fullmatch(name):
        name = setting[1]
    return _stands_in_the_source(name)


def _is_defined(name: str) -> bool:
    *owners, member = name.split(".")
    return all(owner in _list_members() for owner in owners) and member in _list_members()[owners[-1]]


@functools.cache
def _list_members() -> dict[str, set[str]]:
    """Return the names that each class and module defines; a package defines those of its modules too."""
    members: dict[str, set[str]] = {}
    for path in _list_files(DEFINING):
        if path.suffix == ".py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    members.setdefault(node.name, set()).update(_list_names(node))
            module = path.parent.name if path.name == "__init__.py" else path.stem
            names = _list_names(tree)
            members.setdefault(module, set()).update(names)
            members.setdefault(path.parent.name, set()).update({module, *names})
    return members


def _list_names(owner: ast.Module | ast.ClassDef) -> set[str]:
    names = set()
    for node in owner.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Assign(targets=targets):
                names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def _is_importable(name: str) -> bool:
    module, _, member = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), member)
    except ImportError:
        return False


def _stands_in_the_source(text: str) -> bool:
    """Return whether the text stands there as a whole word, in whatever case. Regular expressions take seconds."""
    source, wanted = _read_source(), text.lower()
    start = source.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        continues = _is_part_of_a_word(wanted[-1]) and wanted[-1] != "-" and _is_part_of_a_word(source[end : end + 1])
        if not continues and not _is_part_of_a_word(source[max(start - 1, 0) : start]):
            return True
        start = source.find(wanted, start + 1)
    return False


def _is_part_of_a_word(character: str) -> bool:
    return character.isalnum() or character in {"_", "-"}


@functools.cache
def _read_source() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in _list_files(SOURCES)).lower()


def _list_files(places: tuple[str, ...]) -> Iterator[Path]:
    """Yield text files: the places that are files, and all files in those that are folders."""
    for place in places:
        for path in (ROOT / place, *(ROOT / place).rglob("*")):
            generated = any(part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)
            if path.is_file() and path.suffix in {*SUFFIXES, ""} and not generated:
                yield path
