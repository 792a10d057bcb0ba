"""The sample events match the events that functions receive."""

from qwen_gateway_cli.local.apigateway.rest_api import ProxyIntegration, parse_rest_api
from tests.recorder.files import EVENTS, format_event, get_event_path, read_event
from tests.recorder.recording import record_events, transform_template
from tests.recorder.samples import SAMPLES
from tests.recorder.summary import ANSWERED


def test_the_sample_events_are_current() -> None:
    kept = {path: path.read_text(encoding="utf-8") for path in EVENTS.rglob("*") if path.is_file()}

    assert kept == {get_event_path(name): format_event(event) for name, event in record_events().items()}, (
        "sample events are stale: run `make events`"
    )


def test_every_route_to_a_function_has_a_successful_sample_event() -> None:
    routes = parse_rest_api(transform_template(), {}).routes
    to_functions = {
        (path, method)
        for path, methods in routes.items()
        for method, integration in methods.items()
        if isinstance(integration, ProxyIntegration)
    }
    # What such a route needs has to be made before, under an id that nobody knows.
    stored = {route for route in to_functions if "{response_id}" in route[0]}
    successful = [read_event(name) for name, sample in SAMPLES.items() if sample.expected == ANSWERED]

    assert {(event["resource"], event["httpMethod"]) for event in successful} == to_functions - stored
