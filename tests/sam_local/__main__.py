"""`python -m tests.sam_local`: the gateway under `sam local start-api`, by hand, until Ctrl-C."""

import logging
import signal
import sys

import typer

from tests.sam_local.commands import CommandFailed
from tests.sam_local.daemon import DockerMissing
from tests.sam_local.scene import scene


def main() -> int:
    """Start, say how to call it, wait for Ctrl-C, stop."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    typer.echo("Building, and starting Docker, an emulated AWS and a stand-in provider ...")
    try:
        with scene() as running, running.sam.start_api() as api:
            typer.echo(f"Base image: {running.image.description}. A function's first call starts its container.")
            typer.echo(f"Their log: {api.log}")
            typer.echo(_line(api.base_url, running.around.token))
            signal.pause()
    except KeyboardInterrupt:
        typer.echo("Stopped.")
    except (CommandFailed, DockerMissing) as failure:
        typer.echo(failure, err=True)
        return 1
    return 0


def _line(base_url: str, token: str) -> str:
    body = '{"model": "qwen-plus", "messages": [{"role": "user", "content": "Hello"}]}'
    return (
        f"curl {base_url}/chat/completions -H 'authorization: Bearer {token}' "
        f"-H 'content-type: application/json' -d '{body}'"
    )


if __name__ == "__main__":
    sys.exit(main())
