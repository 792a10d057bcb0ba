"""INIT: a function process starts, or reports why it cannot."""

import pytest

from tests.unit.runtime.function_process import Invocation, Run

pytestmark = pytest.mark.enable_socket

GOOD = "def handle(event, context):\n    return 'ok'\n"


@pytest.mark.parametrize(
    ("source", "handler", "error"),
    [
        ("import a_module_that_is_missing", "function.handler.handle", "ModuleNotFoundError"),
        ("raise RuntimeError('TABLE is not set')", "function.handler.handle", "RuntimeError"),
        ("def handle(:", "function.handler.handle", "SyntaxError"),
        (GOOD, "function.handler.missing", "AttributeError"),
        (GOOD, "function.missing.handle", "ModuleNotFoundError"),
        (GOOD, "handle", "ValueError"),
    ],
)
def test_an_init_error_is_posted_and_the_process_exits(run: Run, source: str, handler: str, error: str) -> None:
    result = run(source, Invocation(), handler=handler)

    (post,) = result.posts
    assert post.path == "/2018-06-01/runtime/init/error"
    assert post.headers["lambda-runtime-function-error-type"] == error
    assert post.json["errorType"] == error
    assert result.status == 1
    assert error in result.stderr


def test_an_init_error_includes_its_message(run: Run) -> None:
    result = run("raise RuntimeError('TABLE is not set')\n", Invocation())

    assert result.posts[0].json["errorMessage"] == "TABLE is not set"
    assert "TABLE is not set" in result.stderr


def test_an_init_error_includes_the_frames_of_the_function(run: Run) -> None:
    result = run("def make(): raise RuntimeError\nmake()\n", Invocation())

    frames = result.posts[0].json["stackTrace"]
    assert [frame.split(", in ")[1].split("\n")[0] for frame in frames] == ["<module>", "make"]


def test_sys_exit_in_a_module_exits_the_process(run: Run) -> None:
    result = run("import sys\nsys.exit(5)\n", Invocation())

    assert (result.status, result.posts) == (5, [])


def test_garbage_collection_is_off_during_init_and_on_during_invocations(run: Run) -> None:
    result = run(
        "import gc\nduring_init = gc.isenabled()\n"
        "def handle(event, context):\n    return [during_init, gc.isenabled(), gc.get_freeze_count() > 0]\n",
        Invocation(),
    )

    assert result.posts[0].json == [False, True, True]
