"""Serve the mock: print `{"url": ...}` as one line when it listens, and end on SIGTERM or Ctrl-C."""

import argparse
import contextlib
import json
import sys

from qwen_gateway_cli.local.mock_qwen.control import Control
from qwen_gateway_cli.local.mock_qwen.server import create_server
from qwen_gateway_cli.local.sockets import listen, url_of


def main() -> None:
    """Serve until a signal arrives."""
    parser = argparse.ArgumentParser(prog="python -m qwen_gateway_cli.local.mock_qwen", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments = parser.parse_args()
    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as error:
        sys.exit(f"{arguments.host}:{arguments.port} cannot be used: {error.strerror}.")
    sys.stdout.write(json.dumps({"url": url_of(listener)}) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        create_server(Control()).run([listener])


if __name__ == "__main__":
    main()
