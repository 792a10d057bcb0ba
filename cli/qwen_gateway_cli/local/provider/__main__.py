"""Serve the stand-in: prints `{"url": ...}` in one line when it listens, and ends on SIGTERM or Ctrl-C."""

import argparse
import contextlib
import json
import sys

from qwen_gateway_cli.local.listening import listen, url
from qwen_gateway_cli.local.provider.control import Control
from qwen_gateway_cli.local.provider.server import server


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m qwen_gateway_cli.local.provider", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments = parser.parse_args()
    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as error:
        sys.exit(f"{arguments.host}:{arguments.port} cannot be had: {error.strerror}.")
    sys.stdout.write(json.dumps({"url": url(listener)}) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        server(Control()).run([listener])


if __name__ == "__main__":
    main()
