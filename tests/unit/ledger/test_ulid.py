"""ULIDs sort by their time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway import ulid

times = st.integers(0, 2**48 - 1)


@given(times)
def test_a_ulid_has_26_characters(now_ms: int) -> None:
    assert len(ulid.new(now_ms)) == 26


@given(times, times)
def test_ulids_sort_by_time(one: int, other: int) -> None:
    if one != other:
        assert (ulid.new(one) < ulid.new(other)) == (one < other)


def test_the_time_is_encoded_as_in_the_specification() -> None:
    # The example of github.com/ulid/spec: 01ARYZ6S41 is 1469918176385.
    assert ulid.new(1_469_918_176_385)[:10] == "01ARYZ6S41"


def test_ulids_of_one_millisecond_are_unique() -> None:
    assert len({ulid.new(1) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize("now_ms", [-1, 2**48])
def test_a_time_out_of_range_is_rejected(now_ms: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        ulid.new(now_ms)


@given(times)
def test_the_time_is_read_back(now_ms: int) -> None:
    assert ulid.milliseconds(ulid.new(now_ms)) == now_ms


@given(st.integers(1, 2**48 - 1))
def test_the_prefix_of_a_time_lies_between_the_ulids_before_it_and_its_own(now_ms: int) -> None:
    assert ulid.new(now_ms - 1) < ulid.time_prefix(now_ms) < ulid.new(now_ms)


@pytest.mark.parametrize("text", ["", "0" * 25, "0" * 27, "U" + "0" * 25])
def test_what_is_no_ulid_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"ULID|substring"):
        ulid.milliseconds(text)
