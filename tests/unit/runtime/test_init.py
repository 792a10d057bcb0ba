"""How a function process comes to life, or says why it cannot."""

import pytest

from tests.unit.runtime.lives import Call, Run

pytestmark = pytest.mark.enable_socket

GOOD = "def handle(event, context):\n    return 'served'\n"


@pytest.mark.parametrize(
    ("source", "handler", "error"),
    [
        ("import a_module_that_is_missing", "function.handler.handle", "ModuleNotFoundError"),
        ("raise RuntimeError('TABLE is not set')", "function.handler.handle", "RuntimeError"),
        ("def handle(:", "function.handler.handle", "SyntaxError"),
        (GOOD, "function.handler.handel", "AttributeError"),
        (GOOD, "function.handled.handle", "ModuleNotFoundError"),
        (GOOD, "handle", "ValueError"),
    ],
)
def test_a_function_that_cannot_start_says_so_and_ends(run: Run, source: str, handler: str, error: str) -> None:
    life = run(source, Call(), handler=handler)

    (post,) = life.posts
    assert post.path == "/2018-06-01/runtime/init/error"
    assert post.headers["lambda-runtime-function-error-type"] == error
    assert post.json["errorType"] == error
    assert life.status == 1
    assert error in life.stderr


def test_an_init_error_keeps_its_words_because_no_caller_has_said_any(run: Run) -> None:
    life = run("raise RuntimeError('TABLE is not set')\n", Call())

    assert life.posts[0].json["errorMessage"] == "TABLE is not set"
    assert "TABLE is not set" in life.stderr


def test_an_init_error_shows_where_it_arose(run: Run) -> None:
    life = run("def make(): raise RuntimeError\nmake()\n", Call())

    frames = life.posts[0].json["stackTrace"]
    assert [frame.split(", in ")[1].split("\n")[0] for frame in frames] == ["<module>", "make"]


def test_a_module_that_exits_takes_the_process_with_it(run: Run) -> None:
    life = run("import sys\nsys.exit(5)\n", Call())

    assert (life.status, life.posts) == (5, [])


def test_imports_run_without_garbage_collection_and_calls_with_it(run: Run) -> None:
    life = run(
        "import gc\nduring_init = gc.isenabled()\n"
        "def handle(event, context):\n    return [during_init, gc.isenabled(), gc.get_freeze_count() > 0]\n",
        Call(),
    )

    assert life.posts[0].json == [False, True, True]
