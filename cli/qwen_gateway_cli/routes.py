"""`qwen-gateway routes`: which provider and model each name of a model means."""

from qwen_gateway.config import parse
from qwen_gateway.routing import Routes
from qwen_gateway_cli.console import note, show_json, show_table
from qwen_gateway_cli.stack import JsonOption, StackOption, find


def routes(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show every model name that clients may use, and its targets in order."""
    gateway = find(stack)
    if gateway is None:
        note("no stack is addressed: the routes of gateway.toml as it stands in the repository")
    targets = Routes(parse(gateway.gateway_config if gateway else "")).all()
    if as_json:
        show_json({name: [target._asdict() for target in chain] for name, chain in targets.items()})
    else:
        rows = [(name, ", ".join(f"{each.provider}/{each.model}" for each in chain)) for name, chain in targets.items()]
        show_table(("MODEL", "TARGETS"), rows)
