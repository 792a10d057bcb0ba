"""`qwen-gateway routes`: the providers and models behind each model name."""

import dataclasses

from qwen_gateway.config import parse
from qwen_gateway.routing import Routes
from qwen_gateway_cli.console import note, show_json, show_table
from qwen_gateway_cli.stack import JsonOption, StackOption, find_stack


def routes(stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List every model name that clients may use, with its targets in order."""
    gateway = find_stack(stack)
    if gateway is None:
        note("no stack selected: showing the routes of the repository's gateway.toml")
    targets = Routes(parse(gateway.gateway_config if gateway else "")).all()
    if as_json:
        show_json({name: [dataclasses.asdict(target) for target in chain] for name, chain in targets.items()})
    else:
        rows = [
            (name, ", ".join(f"{target.provider}/{target.model}" for target in chain))
            for name, chain in targets.items()
        ]
        show_table(("MODEL", "TARGETS"), rows)
