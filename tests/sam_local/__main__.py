"""Run the gateway under `sam local`.

python -m tests.sam_local                             start-api, until Ctrl-C
python -m tests.sam_local events/chat/answered.json   one invoke with that event
"""

import json
import logging
import signal
import sys
from pathlib import Path

import typer

from tests.recorder.files import get_function_id
from tests.recorder.keys import ACTIVE
from tests.sam_local.commands import CommandFailed
from tests.sam_local.daemon import DockerMissing
from tests.sam_local.environment import start_environment
from tests.sam_local.sam import Sam


def main(events: list[str]) -> int:
    """Start the environment, serve HTTP or invoke the events, and stop it again."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    typer.echo("Building, and starting Docker, an emulated AWS and the mock provider ...")
    try:
        with start_environment() as running:
            typer.echo(f"Base image: {running.image.description}.")
            if events:
                _invoke(running.sam, [Path(event) for event in events])
            else:
                _serve(running.sam)
    except KeyboardInterrupt:
        typer.echo("Stopped.")
    except (CommandFailed, DockerMissing) as failure:
        typer.echo(failure, err=True)
        return 1
    return 0


def _serve(sam: Sam) -> None:
    with sam.start_api() as api:
        typer.echo(f"The first call of each function starts its container. Log: {api.log}")
        typer.echo(_format_curl_command(api.base_url))
        signal.pause()


def _invoke(sam: Sam, events: list[Path]) -> None:
    for event in events:
        answer = sam.invoke(get_function_id(event), event)
        typer.echo(json.dumps(answer | {"body": json.loads(answer["body"])}, indent=2, ensure_ascii=False))


def _format_curl_command(base_url: str) -> str:
    body = '{"model": "qwen-plus", "messages": [{"role": "user", "content": "Hello"}]}'
    return (
        f"curl {base_url}/chat/completions -H 'authorization: Bearer {ACTIVE}' "
        f"-H 'content-type: application/json' -d '{body}'"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
