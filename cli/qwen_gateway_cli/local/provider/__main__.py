"""Serve the stand-in: prints `{"url": ...}` in one line when it listens, and ends on SIGTERM or Ctrl-C."""

import argparse
import json
import sys

from qwen_gateway_cli.local.provider.server import listen, server, url_of


def main() -> None:
    """Serve until a signal ends it."""
    arguments = argparse.ArgumentParser(prog="python -m qwen_gateway_cli.local.provider", description=__doc__)
    arguments.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    port = arguments.parse_args().port
    try:
        listener = listen(port)
    except OSError as taken:
        sys.exit(f"The stand-in provider cannot listen on port {port}: {taken.strerror}.")
    sys.stdout.write(json.dumps({"url": url_of(listener)}) + "\n")
    sys.stdout.flush()
    server().run([listener])


if __name__ == "__main__":
    main()
