"""Unknown routes of the project's template. Each test fails if one of the template's methods ANY is removed."""

import copy
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway_cli.local.apigateway.rest_api import Router, parse_rest_api
from tests.contract.template import ROOT, Template, find_resource, transform
from tests.integration.apigateway.gateways import RunningGateway, run_gateway, settings
from tests.smoke.unknown_routes import ROUTES

ANY = "x-amazon-apigateway-any-method"
KEY = "sk-qg-abc-123"
UNREACHED = "raise SystemExit('an unknown route started a function')"


@pytest.fixture(scope="module")
def template() -> Template:
    return transform()


@contextmanager
def serve(folder: Path, template: Template) -> Iterator[RunningGateway]:
    """Serve the template with functions that cannot start."""
    sources = dict.fromkeys(parse_rest_api(template, {}).functions, UNREACHED)
    with run_gateway(folder, settings(folder, template, sources)) as gateway:
        yield gateway


def remove_any(template: Template, path: str) -> Template:
    changed = copy.deepcopy(template)
    del find_paths(changed)[path][ANY]
    return changed


def find_paths(template: Template) -> dict[str, Any]:
    paths: dict[str, Any] = find_resource(template, "AWS::ApiGateway::RestApi")["Body"]["paths"]
    return paths


def run_smoke(gateway: RunningGateway) -> subprocess.CompletedProcess[str]:
    """Run the smoke tests of unknown routes as `make smoke` runs them."""
    return subprocess.run(
        [sys.executable, "-m", "tests.smoke", "-k", "test_unknown_routes", "-x"],
        cwd=ROOT,
        env={"PATH": os.defpath, "BASE_URL": f"{gateway.url}/v1", "API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_no_unknown_route_starts_a_function(template: Template, tmp_path: Path) -> None:
    with serve(tmp_path, template) as gateway:
        smoke = run_smoke(gateway)

        assert smoke.returncode == 0, smoke.stdout + smoke.stderr
        assert not list((tmp_path / "logs").glob("*Function.log"))


@pytest.mark.parametrize("path", ["/v1/chat/completions", pytest.param("/v1", marks=pytest.mark.thorough)])
def test_the_smoke_test_finds_a_missing_method(template: Template, tmp_path: Path, path: str) -> None:
    with serve(tmp_path, remove_any(template, path)) as gateway:
        reply = gateway.ask(path, headers={"authorization": f"Bearer {KEY}"}, method="GET")
        smoke = run_smoke(gateway)

    assert (reply.status, KEY in reply.json["message"]) == (403, True)
    assert smoke.returncode == 1, smoke.stdout + smoke.stderr
    assert f"GET-{path}-with a key" in smoke.stdout


def test_the_smoke_test_requests_every_path_with_a_method_any(template: Template) -> None:
    """Of each path in the template it requests one that only this path answers."""
    router = Router(parse_rest_api(template, {}).routes)
    matches = [router.match(method, path or "/") for method, path in ROUTES]

    assert {match.resource for match in matches if match} == find_paths(template).keys()
