"""Check that what the documents name exists.

A document names things in code: in `spans`, in fenced blocks and in indented blocks. Each kind has one rule:

- command: `make TARGET`, where the Makefile has the target; `qwen-gateway SUBCOMMAND`, where the command has it.
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

import typer
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
_MAKE = re.compile(r"(?:^|\s)make((?: +[\w.=-]+)+)")
_COMMAND = re.compile(r"(?:^|[\s/])qwen-gateway((?: +[a-z]+)+)")
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
            yield from (f"make {name}" for name in words.split() if "=" not in name and name not in _list_targets())
        for words in _COMMAND.findall(command):
            yield from _check_subcommand(words.split())


def _check_subcommand(words: list[str]) -> Iterator[str]:
    command = get_command(app)
    for position, word in enumerate(words):
        if not isinstance(command, typer.core.TyperGroup):
            return  # The other words are arguments.
        if word not in command.commands:
            yield f"qwen-gateway {' '.join(words[: position + 1])}"
            return
        command = command.commands[word]


@functools.cache
def _list_targets() -> frozenset[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z.][\w.-]*):", makefile, re.MULTILINE))


def _is_command(span: str) -> bool:
    return span.startswith(("make ", "qwen-gateway", *OTHER_TOOLS))


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
    end = r"(?![\w-])" if re.search(r"\w$", text) else ""
    return re.search(rf"(?<![\w-]){re.escape(text)}{end}", _read_source(), re.IGNORECASE) is not None


@functools.cache
def _read_source() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in _list_files(SOURCES))


def _list_files(places: tuple[str, ...]) -> Iterator[Path]:
    """Yield text files: the places that are files, and all files in those that are folders."""
    for place in places:
        for path in (ROOT / place, *(ROOT / place).rglob("*")):
            generated = any(part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)
            if path.is_file() and path.suffix in {*SUFFIXES, ""} and not generated:
                yield path
