"""`sam local start-lambda`: every sample event, invoked on functions in warm containers.

`sam local invoke` builds the layer into an image each time, which takes seconds; warm containers do so once.
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
def test_an_event_gets_the_expected_response(functions: RunningLambda, name: str) -> None:
    event = get_event_path(name)

    assert summarize(functions.invoke(get_function_id(event), event)) == SAMPLES[name].expected
