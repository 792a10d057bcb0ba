from pathlib import Path

import pytest

from qwen_gateway_cli.local import clean_environment
from qwen_gateway_cli.local.layout import Layout

CALLER = {
    "AWS_ACCESS_KEY_ID": "AKIAREALLOOKINGKEY00",
    "AWS_SECRET_ACCESS_KEY": "real-looking",
    "AWS_SESSION_TOKEN": "real-looking",
    "AWS_PROFILE": "production",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "https://dynamodb.eu-central-1.amazonaws.com",
    "AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.eu-central-1.amazonaws.com",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE",
    "AWS_CONFIG_FILE": "/home/owner/.aws/config",
    "DASHSCOPE_API_KEY": "sk-real",
    "PYTHONPATH": "/somewhere",
}


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    for name, value in CALLER.items():
        monkeypatch.setenv(name, value)
    return Layout(tmp_path)


@pytest.fixture
def uv(tmp_path: Path) -> Path:
    """A program that answers `uv cache dir`."""
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\necho /the/callers/cache\n")
    program.chmod(0o755)
    return program


def test_the_environment_inherits_nothing_from_the_caller(layout: Layout) -> None:
    environment = clean_environment.create(layout)

    assert not set(CALLER.values()) & set(environment.values())
    assert environment["AWS_ACCESS_KEY_ID"] == environment["AWS_SECRET_ACCESS_KEY"] == "test"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "us-east-1"


def test_no_aws_file_of_the_caller_is_read(layout: Layout) -> None:
    environment = clean_environment.create(layout)

    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert Path(environment["HOME"]).is_relative_to(layout.local)


def test_files_are_made_below_the_stacks_own_folder(layout: Layout) -> None:
    assert Path(clean_environment.create(layout)["TMPDIR"]).is_relative_to(layout.local)


def test_a_build_inherits_only_the_variables_for_the_package_registry(
    layout: Layout, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX_URL", "https://registry.example/simple")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/certificates.pem")

    environment = clean_environment.create_for_build(layout, uv)

    assert environment["UV_INDEX_URL"] == "https://registry.example/simple"
    assert environment["SSL_CERT_FILE"] == "/etc/certificates.pem"
    assert environment["UV_CACHE_DIR"] == "/the/callers/cache"
    assert not set(CALLER.values()) & set(environment.values())


def test_a_program_that_runs_functions_gets_no_proxy(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")

    assert "HTTPS_PROXY" not in clean_environment.create(layout)
