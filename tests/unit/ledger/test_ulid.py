"""ULIDs sort by their time and give it back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway import ulid

times = st.integers(0, 2**48 - 1)


@given(times)
def test_the_time_is_read_back(now_ms: int) -> None:
    made = ulid.new(now_ms)
    assert len(made) == 26
    assert ulid.time_ms(made) == now_ms


@given(times, times)
def test_a_later_one_sorts_after_an_earlier_one(one: int, other: int) -> None:
    if one != other:
        assert (ulid.new(one) < ulid.new(other)) == (one < other)


def test_the_time_is_written_as_the_specification_writes_it() -> None:
    # The example of github.com/ulid/spec: 01ARYZ6S41 is 1469918176385.
    assert ulid.new(1_469_918_176_385)[:10] == "01ARYZ6S41"


def test_two_of_one_millisecond_differ() -> None:
    assert len({ulid.new(1) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize("now_ms", [-1, 2**48])
def test_a_time_that_does_not_fit_is_refused(now_ms: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        ulid.new(now_ms)


@pytest.mark.parametrize("text", ["", "01ARYZ6S41", "8" + "0" * 25, "01ARYZ6S41TSV4RRFFQ69G5FAU", "0" * 27])
def test_what_is_no_ulid_has_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="not a ULID"):
        ulid.time_ms(text)
