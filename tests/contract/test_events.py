"""The sample events are what functions really get."""

from qwen_gateway_cli.local.apigateway.rest_api import ProxyIntegration, parse_rest_api
from tests.recorder.files import EVENTS, path_of, read, text_of
from tests.recorder.recording import processed_template, recorded
from tests.recorder.samples import SAMPLES
from tests.recorder.telling import ANSWERED


def test_the_events_are_those_that_the_front_hands_to_functions_now() -> None:
    kept = {path: path.read_text(encoding="utf-8") for path in EVENTS.rglob("*") if path.is_file()}

    assert kept == {path_of(name): text_of(event) for name, event in recorded().items()}, "record anew: make events"


def test_every_route_that_reaches_a_function_has_an_event_that_is_answered() -> None:
    routes = parse_rest_api(processed_template(), {}).routes
    to_functions = {
        (path, method)
        for path, methods in routes.items()
        for method, integration in methods.items()
        if isinstance(integration, ProxyIntegration)
    }
    answered = [read(name) for name, sample in SAMPLES.items() if sample.told == ANSWERED]

    assert {(event["resource"], event["httpMethod"]) for event in answered} == to_functions
