"""`python -m qwen_gateway_cli.local.provider --port N`: serves until it is told to end."""

import argparse
import json
import sys

from qwen_gateway_cli.local.listening import listen, url
from qwen_gateway_cli.local.provider.control import Control
from qwen_gateway_cli.local.provider.server import server


def main() -> int:
    """Listen, say where, and serve."""
    parser = argparse.ArgumentParser(description="A stand-in for Qwen.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments = parser.parse_args()
    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as error:
        print(f"{arguments.host}:{arguments.port} cannot be used: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"url": url(listener)}), flush=True)
    server(Control()).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
