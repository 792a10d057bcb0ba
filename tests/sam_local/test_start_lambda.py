"""`sam local start-lambda`: the functions in containers that stay, met by every sample event.

A `sam local invoke` puts the layer into an image first, which takes seconds each time; these containers do it once.
"""

from collections.abc import Iterator

import pytest

from tests.recorder.files import get_event_path, get_function_id
from tests.recorder.samples import SAMPLES
from tests.recorder.summary import summarize
from tests.sam_local.environment import SamEnvironment
from tests.sam_local.sam import RunningLambda


@pytest.fixture(scope="module")
def functions(sam_environment: SamEnvironment) -> Iterator[RunningLambda]:
    with sam_environment.sam.start_lambda() as running:
        yield running


@pytest.mark.parametrize("name", SAMPLES)
def test_an_event_gets_the_answer_of_its_sample(functions: RunningLambda, name: str) -> None:
    event = get_event_path(name)

    assert summarize(functions.invoke(get_function_id(event), event)) == SAMPLES[name].expected
