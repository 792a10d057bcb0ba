"""`sam local start-lambda`: the functions in containers that stay, met by every sample event.

A `sam local invoke` puts the layer into an image first, which takes seconds each time; these containers do it once.
"""

from collections.abc import Iterator

import pytest

from tests.recorder.files import function_of, path_of
from tests.recorder.samples import SAMPLES
from tests.recorder.telling import told
from tests.sam_local.sam import RunningLambda
from tests.sam_local.scene import Scene


@pytest.fixture(scope="module")
def functions(scene: Scene) -> Iterator[RunningLambda]:
    with scene.sam.start_lambda() as running:
        yield running


@pytest.mark.parametrize("name", SAMPLES)
def test_an_event_gets_the_answer_of_its_sample(functions: RunningLambda, name: str) -> None:
    event = path_of(name)

    assert told(functions.invoke(function_of(event), event)) == SAMPLES[name].told
