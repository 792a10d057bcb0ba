"""Properties that SAM itself resolves, while it transforms the template.

SAM does not evaluate `Fn::If`. It takes the object for a value: `Enabled` is then always on, `DefaultAuthorizer` and
`ResponseTransferMode` are always off, without an error.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.contract.template import ROOT
from tests.integration.emulated_aws import TemplateLoader

SWITCHES = {
    "DeploymentPreference": "Enabled",
    "Auth": "DefaultAuthorizer",
    "Properties": "ResponseTransferMode",
}
"""The property that SAM resolves, by the property that contains it."""


def find_switches(node: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield path, name and value of each switch below a node of the template."""
    if isinstance(node, dict):
        container = path.rpartition("/")[2]
        name = SWITCHES.get(container, "")
        if name in node:
            yield path, name, node[name]
        for key, child in node.items():
            yield from find_switches(child, f"{path}/{key}")
    elif isinstance(node, list):
        for number, child in enumerate(node):
            yield from find_switches(child, f"{path}/{number}")


def find_violations(text: str) -> list[str]:
    """Return a line for each switch whose value SAM would misread."""
    template = yaml.load(text, TemplateLoader)  # noqa: S506 - a SafeLoader
    return [
        f"{path}: {name} is {value}"
        for path, name, value in find_switches(template)
        if not _is_resolved(name, value, template["Parameters"])
    ]


def _is_resolved(name: str, value: Any, parameters: dict[str, Any]) -> bool:
    """Return whether SAM resolves the value: a literal, or where SAM looks it up, a reference to a parameter."""
    match value:
        case {"Ref": str(parameter)}:
            return name != "ResponseTransferMode" and parameter in parameters
        case str() | bool():
            return name != "ResponseTransferMode" or value in {"RESPONSE_STREAM", "BUFFERED"}
    return False


def test_sam_can_resolve_every_switch_of_the_template() -> None:
    assert find_violations((ROOT / "template.yaml").read_text(encoding="utf-8")) == []


def test_the_template_has_switches() -> None:
    template = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), TemplateLoader)  # noqa: S506 - a SafeLoader

    assert {name for _, name, _ in find_switches(template)} >= {"Enabled", "ResponseTransferMode"}


PLANTED = """
Parameters:
  Canary: {Type: String}
Globals:
  Function:
    DeploymentPreference: {Enabled: ENABLED}
Resources:
  Api:
    Properties:
      Auth: {DefaultAuthorizer: AUTHORIZER}
  ChatFunction:
    Properties:
      Events:
        Complete:
          Properties:
            ResponseTransferMode: MODE
"""


def plant(**values: str) -> str:
    text = PLANTED
    for name, default in (("ENABLED", "!Ref Canary"), ("AUTHORIZER", "AWS_IAM"), ("MODE", "RESPONSE_STREAM")):
        text = text.replace(name, values.get(name, default))
    return text


def test_references_and_literals_are_accepted() -> None:
    assert find_violations(plant()) == []
    assert find_violations(plant(ENABLED="true", AUTHORIZER="!Ref Canary")) == []


@pytest.mark.parametrize(
    "planted",
    [
        {"ENABLED": "!If [HasCanary, true, false]"},
        {"ENABLED": "!Ref HasCanary"},
        {"ENABLED": "!Equals [!Ref Canary, yes]"},
        {"AUTHORIZER": "!If [HasIam, AWS_IAM, NONE]"},
        {"AUTHORIZER": "!Sub '${Canary}'"},
        {"MODE": "!If [Streams, RESPONSE_STREAM, !Ref AWS::NoValue]"},
        {"MODE": "!Ref Canary"},
        {"MODE": "STREAM"},
    ],
)
def test_a_switch_that_sam_misreads_is_found(planted: dict[str, str]) -> None:
    assert len(find_violations(plant(**planted))) == 1


@pytest.mark.parametrize("fault", ["Enabled: !If [HasCanary, true, false]", "Enabled: !Equals [!Ref Canary, 'true']"])
def test_a_fault_in_the_template_itself_is_found(fault: str) -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert text.count("Enabled: !Ref Canary") == 1

    # The functions of the API have the same preference.
    assert len(find_violations(text.replace("Enabled: !Ref Canary", fault))) == 6
