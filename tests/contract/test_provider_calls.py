"""Every way to a provider goes through `calls/`: only the start-up makes the client, and hands it to `MeteredCalls`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import qwen_gateway
from tests.contract.template import HOOKS, ROOT, Template, find_functions

LAYER = ROOT / "layers/qwen_gateway/qwen_gateway"
CLIENT = "Upstream"
NETWORK = ("openai", "httpx", "httpx2", "requests", "urllib3", "urllib.request", "http.client", "socket", "aiohttp")
"""Modules with which code could call a provider itself."""
OF_PROVIDERS = ("qwen_gateway.upstream", "qwen_gateway.library")
IMPORTED = frozenset({"RoutedRequest"})
"""What a function may import of the providers' client: it describes its requests."""
STARTUP = "startup.py"
ROOMS = frozenset({"upstream", "calls", "library", "__init__.py", STARTUP})
"""What of the layer may use the providers' client; its door exports the library."""
UNMETERED = {"messages": {"COUNT_TOKENS"}, "responses_api": {"operation: StoredResponseOperation"}}
"""The kinds of calls, by function, that take no hold and leave no record, because no provider bills them."""
OWN_CONNECTIONS = frozenset({"coldstart.py", "runtime"})
"""Modules of the layer with connections of their own: to warm one up, and to the Lambda Runtime API."""


def list_imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def is_of(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in packages)


def find_ways(source: str) -> list[str]:
    """Return what in the source of a function could call a provider without `MeteredCalls`."""
    tree = ast.parse(source)
    ways = [f"imports {module}" for module, name in list_imports(tree) if is_of(f"{module}.{name}".strip("."), NETWORK)]
    ways += [
        f"imports {module}.{name}"
        for module, name in list_imports(tree)
        if (is_of(module, OF_PROVIDERS) or (module == "qwen_gateway" and name in qwen_gateway.__all__))
        and not (module == OF_PROVIDERS[0] and name in IMPORTED)
        and not module.startswith("qwen_gateway.upstream.operations.")
    ]
    return ways + list(find_uses_of_the_client(tree))


def find_uses_of_the_client(tree: ast.AST) -> Iterator[str]:
    """Yield each use of a client other than as an argument of `MeteredCalls`."""
    clients = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_call_of(node.value, CLIENT)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    handed = {
        id(argument)
        for node in ast.walk(tree)
        if is_call_of(node, "MeteredCalls") and isinstance(node, ast.Call)
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]
    }
    assigned = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Assign)}
    for node in ast.walk(tree):
        is_use = isinstance(node, ast.Name) and node.id in clients and isinstance(node.ctx, ast.Load)
        if is_use and id(node) not in handed:
            yield f"uses the client in line {node.lineno}"  # type: ignore[attr-defined]
        if is_call_of(node, CLIENT) and id(node) not in handed | assigned:
            yield f"makes a client in line {node.lineno}"  # type: ignore[attr-defined]


def is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def list_sources(template: Template) -> list[Path]:
    """Return the modules of every function that has a route."""
    handlers = {name: each["Handler"] for name, each in find_functions(template).items() if name not in HOOKS}
    return [
        path for handler in handlers.values() for path in (ROOT / "functions" / handler.split(".")[0]).rglob("*.py")
    ]


def test_no_function_calls_a_provider_itself(template: Template) -> None:
    sources = list_sources(template)

    assert {path.parent.name for path in sources} >= {"chat", "embeddings", "messages", "models"}
    assert {str(path): ways for path in sources if (ways := find_ways(path.read_text(encoding="utf-8")))} == {}


def test_the_startup_only_hands_the_client_over() -> None:
    tree = ast.parse((LAYER / STARTUP).read_text(encoding="utf-8"))

    assert list(find_uses_of_the_client(tree)) == []
    assert any(is_call_of(node, CLIENT) for node in ast.walk(tree))


def find_unmetered(source: str) -> set[str]:
    """Return the operations of the calls that take no hold, a parameter with its type; no name counts as `?`."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    first = [
        call.args[0] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "run_unmetered"
    ]
    parameters = {
        each.arg: f"{each.arg}: {ast.unparse(each.annotation)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        for each in node.args.args
        if each.annotation
    }
    return {parameters.get(each.id, each.id) if isinstance(each, ast.Name) else "?" for each in first}


def test_only_the_named_calls_are_not_metered(template: Template) -> None:
    found: dict[str, set[str]] = {}
    for path in list_sources(template):
        if names := find_unmetered(path.read_text(encoding="utf-8")):
            found.setdefault(path.parent.name, set()).update(names)

    assert found == UNMETERED


def test_no_other_package_of_the_layer_uses_the_client() -> None:
    users = {
        path.relative_to(LAYER).parts[0]
        for path in LAYER.rglob("*.py")
        for module, name in list_imports(ast.parse(path.read_text(encoding="utf-8")))
        if is_of(module, OF_PROVIDERS) or is_of(f"{module}.{name}".strip("."), NETWORK)
    }

    assert users - ROOMS - OWN_CONNECTIONS == set()


@pytest.mark.parametrize(
    "planted",
    [
        "import httpx\nhttpx.post('https://dashscope')",
        "from http import client",
        "from openai import OpenAI",
        "from qwen_gateway import QwenClient",
        "from qwen_gateway.library import QwenClient",
        "from qwen_gateway.upstream.transport import Transport as T",
        "from qwen_gateway.upstream.attempt import ProviderCaller",
        "from qwen_gateway.upstream import Upstream\nup = Upstream(1)\nup.complete(CHAT, request, deadline)",
        "from qwen_gateway.upstream import Upstream\nup = Upstream(1)\nother = up",
        "from qwen_gateway.upstream import Transport, Upstream\nMeteredCalls(a, Upstream(Transport()), b)",
        "from qwen_gateway.upstream import Upstream\nUpstream(1).complete(CHAT, request, deadline)",
        "from qwen_gateway.upstream import Upstream\nup = Upstream(1)\nPassThrough(up)",
    ],
)
def test_a_planted_way_is_found(planted: str) -> None:
    assert find_ways(planted) != []


def test_the_way_through_the_metered_call_is_allowed() -> None:
    handed = "up = Upstream(Transport())\nMeteredCalls(a, up, b)"
    service = "from qwen_gateway.upstream import RoutedRequest\ncall.run(CHAT, RoutedRequest(), limits)"

    assert list(find_uses_of_the_client(ast.parse(handed))) == []
    assert find_ways(service) == []
