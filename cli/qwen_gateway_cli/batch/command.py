"""`qwen-gateway batch`: sends the prompts of a file to a model, and writes the results to another file."""

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
from qwen_gateway_cli.batch.lines import Line, read_lines
from qwen_gateway_cli.batch.results import Results
from qwen_gateway_cli.console import err, note, refuse, show
from qwen_gateway_cli.interrupts import interrupt_on_signals
from qwen_gateway_cli.upstream import resolve_upstream

if TYPE_CHECKING:
    from qwen_gateway.library import Answer, QwenClient, Result

_NO_KEY = (
    "The environment has no provider key. Set DASHSCOPE_API_KEY or HOLYSHEEP_API_KEY, or name a server that needs no "
    "key: --provider http://127.0.0.1:11434/v1"
)


def batch(  # noqa: PLR0913, PLR0917 - the options of the command
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="FILE.jsonl: each line is JSON: a string, a list of messages or a request object, which may have an "
            "`id`. Any other file: each line is a prompt.",
        ),
    ],
    model: Annotated[str, typer.Option(help="The model of each line that names none.")] = "qwen-plus",
    concurrency: Annotated[int, typer.Option(min=1, max=50, help="Most calls at the same time.")] = 5,
    rpm: Annotated[int | None, typer.Option(min=1, help="Most provider calls per minute.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The file of results. By default FILE.results.jsonl, beside FILE.")
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|URL",
            help="A provider of gateway.toml, or the URL of an OpenAI-compatible API. By default the provider whose "
            "key is in the environment.",
        ),
    ] = None,
) -> None:
    """Send every prompt of a file to a model, and write each result as a JSON line when it arrives.

    If a run ends early, for any reason, the same command resumes it: it skips answered lines and retries failed ones.
    The exit status is 0 when every line is answered, else 1.
    """
    target = output or file.with_name(f"{file.name}.results.jsonl")
    with interrupt_on_signals(), _create_client(provider) as client:
        lines = read_lines(file, lambda prompt: client.request(prompt, model))
        with Results(target, lines) as results:
            open_lines = [line for line in lines if line.number not in results.answered]
            failures = _run(client, open_lines, results, target, concurrency, rpm)
    show(_format_summary(len(lines), len(lines) - len(open_lines), failures))
    show(str(target))
    if failures:
        note("Run the same command again to retry the failed lines.")
        raise typer.Exit(1)


def _create_client(provider: str | None) -> "QwenClient":
    if provider and "://" in provider:
        upstream = resolve_upstream(provider)
        return qwen_gateway.QwenClient(
            configuration=upstream.gateway_config, api_key=next(iter(upstream.keys.values()), None)
        )
    try:
        return qwen_gateway.QwenClient(provider or _find_provider())
    except ProviderNotConfigured as error:
        refuse(error.message)


def _find_provider() -> str:
    """Return the default provider if the environment has its key, else the first provider with a key."""
    configuration = config.parse(os.environ.get("GATEWAY_CONFIG", ""))
    names = (configuration.default_provider, *configuration.providers)
    return next(filter(read_key, names), None) or refuse(_NO_KEY)


def _run(  # noqa: PLR0913, PLR0917 - the complete run in one place
    client: "QwenClient",
    lines: Sequence[Line],
    results: Results,
    target: Path,
    concurrency: int,
    rpm: int | None,
) -> Counter[str]:
    """Send the lines, write their results, and return the number of failures by error code."""
    failures: Counter[str] = Counter()
    try:
        for line, result in _show_progress(_send(client, lines, concurrency, rpm), len(lines)):
            if isinstance(result, GatewayError):
                error = error_object(result)
                failures[error["code"]] += 1
                results.add(line, {"error": error})
            else:
                results.add(line, _build_answer(result))
    except KeyboardInterrupt:
        note(f"Interrupted. {target} has the results so far; the same command resumes the run.")
        raise
    except OSError as failure:
        refuse(f"{target} cannot be written: {failure.strerror}. It keeps its results; the same command resumes.")
    return failures


def _send(
    client: "QwenClient", lines: Sequence[Line], concurrency: int, rpm: int | None
) -> Iterator[tuple[Line, "Result"]]:
    requests = [line.request for line in lines]
    with client.batch(requests, max_concurrency=concurrency, requests_per_minute=rpm) as running:
        for position, result in running.as_completed():
            yield lines[position], result


def _show_progress[Item](items: Iterator[Item], total: int) -> Iterator[Item]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not total) as progress:
        yield from progress.track(items, total=total, description="answers")


def _build_answer(answer: "Answer") -> dict[str, Any]:
    attempts = [_build_attempt(attempt._asdict()) for attempt in answer.attempts]
    cost = answer.cost
    priced = {"cost": cost and cost.value, "cost_currency": cost and cost.currency}
    return answer._asdict() | {"usage": answer.whole.get("usage"), **priced, "attempts": attempts}


def _build_attempt(fields: dict[str, Any]) -> dict[str, Any]:
    target: Target = fields.pop("target")
    return {"provider": target.provider, "model": target.model} | fields


def _format_summary(total: int, earlier: int, failures: Counter[str]) -> str:
    failed = sum(failures.values())
    causes = ", ".join(f"{number} {code}" for code, number in failures.most_common())
    text = f"{total - failed} of {total} lines are answered"
    text += f", {earlier} of them by an earlier run" if earlier else ""
    return text + (f"; {failed} failed: {causes}." if failed else ".")
