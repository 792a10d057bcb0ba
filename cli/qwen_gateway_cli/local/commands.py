"""`qwen-gateway up`, `down`, `status` and `logs`: the gateway on this machine."""

from typing import Annotated

import typer

from qwen_gateway_cli import stackfile
from qwen_gateway_cli.console import note, refuse, show, show_json
from qwen_gateway_cli.interrupts import interrupt_on_signals
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.lifecycle import Lifecycle
from qwen_gateway_cli.local.output import format_summary
from qwen_gateway_cli.local.processes import Process, read_tail
from qwen_gateway_cli.stack import JsonOption, find_repository_root

_MOCK_QWEN = "a mock of Qwen, which costs nothing"
_STOP_DETACHED = "`qwen-gateway down` (or `make down`) stops it."
_STOP_FOREGROUND = "Ctrl-C stops it."


def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when the stack is ready and leave it running.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the gateway on this machine; 0: a free one.")
    ] = 0,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|URL",
            help="Call a real Qwen: a provider of gateway.toml (its key in DASHSCOPE_API_KEY or HOLYSHEEP_API_KEY), or "
            "the URL of an OpenAI-compatible API (its key, if any, in QWEN_GATEWAY_PROVIDER_KEY).",
        ),
    ] = None,
) -> None:
    """Run the gateway on this machine, without Docker, account or key."""
    lifecycle = Lifecycle(find_repository_root())
    with interrupt_on_signals():
        try:
            stack = lifecycle.start(port, provider)
            show(format_summary(stack, provider or _MOCK_QWEN, _STOP_DETACHED if detach else _STOP_FOREGROUND))
        except KeyboardInterrupt:
            lifecycle.stop()
            raise
        if not detach:
            lifecycle.watch()


def down() -> None:
    """Stop the gateway on this machine, and remove its state."""
    with interrupt_on_signals():
        stopped = Lifecycle(find_repository_root()).stop()
    if stopped:
        show(f"Stopped: {', '.join(process.name for process in stopped)}.")
    else:
        show("No local stack runs.")


def status(as_json: JsonOption = False) -> None:
    """Show the processes of the local stack and the address of the gateway."""
    root = find_repository_root()
    stack = stackfile.read(root)
    processes = Lifecycle(root).processes()
    if as_json:
        state = {process.name: {"pid": process.pid, "lives": is_alive} for process, is_alive in processes.items()}
        show_json({"base_url": stack.base_url if stack else None, "processes": state})
        return
    show(f"The gateway's address is {stack.base_url}" if stack else _describe_missing_stack(processes))
    for process, is_alive in processes.items():
        show(f"  {process.name:<12} {'runs' if is_alive else 'ended'}, process {process.pid}")


def logs(
    name: Annotated[str | None, typer.Argument(help="One log: front, provider, ministack, or a function.")] = None,
    lines: Annotated[int, typer.Option("-n", min=1, help="Lines of each log.")] = 20,
) -> None:
    """Print the ends of the local stack's logs."""
    layout = Layout(find_repository_root())
    found = {path.stem: path for path in sorted(layout.logs.glob("*.log"))}
    if name is not None and name not in found:
        refuse(f"There is no log {name!r}; there are: {', '.join(found) or 'none yet'}.")
    for stem in [name] if name else found:
        note(f"{found[stem]}:")
        show(read_tail(found[stem], lines))


def _describe_missing_stack(processes: dict[Process, bool]) -> str:
    return "A local stack is being started." if any(processes.values()) else "No local stack runs."
