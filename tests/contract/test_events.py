"""The sample events are what functions really get."""

from qwen_gateway_cli.local.front.api import Proxy, api_of
from tests.recorder.files import EVENTS, format_event, get_event_path, read_event
from tests.recorder.recording import processed_template, record_events
from tests.recorder.samples import SAMPLES
from tests.recorder.summary import ANSWERED


def test_the_events_are_those_that_the_front_hands_to_functions_now() -> None:
    kept = {path: path.read_text(encoding="utf-8") for path in EVENTS.rglob("*") if path.is_file()}

    assert kept == {get_event_path(name): format_event(event) for name, event in record_events().items()}, (
        "record anew: make events"
    )


def test_every_route_that_reaches_a_function_has_an_event_that_is_answered() -> None:
    routes = api_of(processed_template(), {}).routes
    to_functions = {
        (path, method)
        for path, methods in routes.items()
        for method, integration in methods.items()
        if isinstance(integration, Proxy)
    }
    answered = [read_event(name) for name, sample in SAMPLES.items() if sample.expected == ANSWERED]

    assert {(event["resource"], event["httpMethod"]) for event in answered} == to_functions
