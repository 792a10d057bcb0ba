from pathlib import Path

import pytest

from qwen_gateway_cli.console import CommandRefused
from qwen_gateway_cli.local import sam
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.processes import Processes

SAM = """#!/bin/sh
[ -e "{broken}" ] && echo "the layer does not build" && exit 1
mkdir -p "{build}" && echo built > "{build}/template.yaml"
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A small repository whose sam and uv are scripts."""
    layout = Layout(tmp_path)
    for folder in (layout.functions / "chat", layout.layer, layout.temporary, layout.logs, layout.sam.parent):
        folder.mkdir(parents=True)
    layout.template.write_text("Resources: {}")
    (layout.functions / "chat" / "handler.py").write_text("answer = 1")
    (layout.layer / "Makefile").write_text("build:")
    layout.sam.write_text(SAM.format(build=layout.build, broken=tmp_path / "broken"))
    layout.sam.chmod(0o755)
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho cache\n")
    uv.chmod(0o755)
    return layout


def run(layout: Layout) -> None:
    sam.build(layout, Processes(layout.processes), layout.root / "uv")


def test_nothing_is_current_before_the_first_build(layout: Layout) -> None:
    assert not sam.is_build_current(layout)


def test_a_build_is_current_until_something_that_it_read_changes(layout: Layout) -> None:
    run(layout)
    assert sam.is_build_current(layout)

    (layout.functions / "chat" / "handler.py").write_text("answer = 2")
    assert not sam.is_build_current(layout)


@pytest.mark.parametrize("change", ["template", "added", "removed", "mode"])
def test_each_kind_of_change_requires_a_new_build(layout: Layout, change: str) -> None:
    run(layout)
    if change == "template":
        layout.template.write_text("Resources: {Other: {}}")
    elif change == "added":
        (layout.layer / "new.py").touch()
    elif change == "removed":
        (layout.layer / "Makefile").unlink()
    else:
        (layout.layer / "Makefile").chmod(0o755)

    assert not sam.is_build_current(layout)


def test_bytecode_that_importing_leaves_requires_no_new_build(layout: Layout) -> None:
    run(layout)
    cache = layout.layer / "__pycache__"
    cache.mkdir()
    (cache / "config.cpython-313.pyc").touch()

    assert sam.is_build_current(layout)


def test_a_build_whose_result_was_removed_is_not_current(layout: Layout) -> None:
    run(layout)
    layout.built_template.unlink()

    assert not sam.is_build_current(layout)


def test_a_failed_build_fails_with_the_end_of_its_log_and_is_not_current(layout: Layout) -> None:
    run(layout)
    (layout.root / "broken").touch()

    with pytest.raises(CommandRefused, match="the layer does not build"):
        run(layout)

    assert not sam.is_build_current(layout)


@pytest.mark.parametrize(
    ("machine", "expected"), [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("arm64", "arm64"), ("aarch64", "arm64")]
)
def test_the_architecture_has_lambdas_name(machine: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)

    assert sam.detect_architecture() == expected
