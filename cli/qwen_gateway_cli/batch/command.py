"""`qwen-gateway batch`: read, ask, write, tell."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import qwen_gateway
from qwen_gateway import config
from qwen_gateway.api import error_object
from qwen_gateway.errors import GatewayError, ProviderNotConfigured
from qwen_gateway.provider_keys.environment import read_key
from qwen_gateway.routing import Target
from qwen_gateway_cli.batch.lines import Line, read
from qwen_gateway_cli.batch.results import Results
from qwen_gateway_cli.console import err, note, refuse, show
from qwen_gateway_cli.local import upstream
from qwen_gateway_cli.local.interrupts import interrupt_on_signals

if TYPE_CHECKING:
    from qwen_gateway.library import Answer, QwenClient, Result

_NO_KEY = (
    "No provider's key stands in the environment. Set DASHSCOPE_API_KEY or HOLYSHEEP_API_KEY, or name a server that "
    "needs none: --provider http://127.0.0.1:11434/v1"
)


def batch(  # noqa: PLR0913, PLR0917 - the options of the command
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="FILE.jsonl: each line a text, a list of messages or a request object (which may have an `id`), as "
            "JSON. Any other file: each line a prompt.",
        ),
    ],
    model: Annotated[str, typer.Option(help="The model of every line that names none.")] = "qwen-plus",
    concurrency: Annotated[int, typer.Option(min=1, max=50, help="Calls that run at once, at most.")] = 5,
    rpm: Annotated[int | None, typer.Option(min=1, help="Calls of providers a minute, at most.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where the results go; left out: beside FILE, as FILE.results.jsonl.")
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|URL",
            help="A provider of gateway.toml, or the URL of an OpenAI-compatible API; left out, the provider whose key "
            "stands in the environment.",
        ),
    ] = None,
) -> None:
    """Answer every prompt of a file, and write the results as JSON lines while they arrive.

    A run that was ended, whatever ended it, is taken up by the same command: what is answered is not asked again, what
    failed is. The exit status is 0 when every line is answered, else 1.
    """
    target = output or file.with_name(f"{file.name}.results.jsonl")
    with interrupt_on_signals(), _client(provider) as client:
        lines = read(file, lambda prompt: client.request(prompt, model))
        with Results(target, lines) as results:
            open_lines = [line for line in lines if line.number not in results.answered]
            failures = _run(client, open_lines, results, target, concurrency, rpm)
    show(_summary(len(lines), len(lines) - len(open_lines), failures))
    show(str(target))
    if failures:
        note("The same command asks again what failed.")
        raise typer.Exit(1)


def _client(provider: str | None) -> "QwenClient":
    if provider and "://" in provider:
        chosen = upstream.resolve_upstream(provider)
        return qwen_gateway.QwenClient(
            configuration=chosen.gateway_config, api_key=next(iter(chosen.keys.values()), None)
        )
    try:
        return qwen_gateway.QwenClient(provider or _of_the_environment())
    except ProviderNotConfigured as missing:
        refuse(missing.message)


def _of_the_environment() -> str:
    """The default provider when its key is there, else the first one whose key is."""
    settings = config.parse(os.environ.get("GATEWAY_CONFIG", ""))
    names = (settings.default_provider, *settings.providers)
    return next(filter(read_key, names), None) or refuse(_NO_KEY)


def _run(  # noqa: PLR0913, PLR0917 - everything meets here
    client: "QwenClient",
    lines: Sequence[Line],
    results: Results,
    target: Path,
    concurrency: int,
    rpm: int | None,
) -> Counter[str]:
    """Ask what is open and write what comes; return how many failed of each cause."""
    failures: Counter[str] = Counter()
    try:
        for line, result in _shown(_asked(client, lines, concurrency, rpm), len(lines)):
            if isinstance(result, GatewayError):
                told = error_object(result)
                failures[told["code"]] += 1
                results.add(line, {"error": told})
            else:
                results.add(line, _answer(result))
    except KeyboardInterrupt:
        note(f"Ended. What was answered stands in {target}; the same command goes on from there.")
        raise
    except OSError as failure:
        refuse(f"{target} cannot be written: {failure.strerror}. What it holds is kept; the same command goes on.")
    return failures


def _asked(
    client: "QwenClient", lines: Sequence[Line], concurrency: int, rpm: int | None
) -> Iterator[tuple[Line, "Result"]]:
    requests = [line.request for line in lines]
    with client.batch(requests, max_concurrency=concurrency, requests_per_minute=rpm) as asked:
        for position, result in asked.as_completed():
            yield lines[position], result


def _shown[Item](items: Iterator[Item], total: int) -> Iterator[Item]:
    """Show how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not total) as progress:
        yield from progress.track(items, total=total, description="answers")


def _answer(answer: "Answer") -> dict[str, Any]:
    usage = answer.whole.get("usage")
    return answer._asdict() | {"usage": usage, "attempts": [_attempt(each._asdict()) for each in answer.attempts]}


def _attempt(fields: dict[str, Any]) -> dict[str, Any]:
    target: Target = fields.pop("target")
    return target._asdict() | fields


def _summary(total: int, before: int, failures: Counter[str]) -> str:
    failed = sum(failures.values())
    causes = ", ".join(f"{number} {code}" for code, number in failures.most_common())
    text = f"{total - failed} of {total} lines are answered"
    text += f", {before} of them by an earlier run" if before else ""
    return text + (f"; {failed} failed: {causes}." if failed else ".")
