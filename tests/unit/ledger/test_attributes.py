"""Plain values survive the way into DynamoDB and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.ledger.attributes import from_item, to_item

values = st.recursive(
    st.text() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1), values))
def test_what_goes_in_comes_out(fields: dict[str, object]) -> None:
    assert from_item(to_item(fields)) == fields  # type: ignore[arg-type]


def test_a_truth_value_is_not_a_number() -> None:
    assert to_item({"a": True, "b": 1}) == {"a": {"BOOL": True}, "b": {"N": "1"}}


def test_numbers_stay_exact() -> None:
    assert to_item({"a": 10**30}) == {"a": {"N": "1" + "0" * 30}}


def test_what_is_not_known_is_left_out() -> None:
    assert to_item({"a": None, "b": {"c": None}}) == {"b": {"M": {}}}


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        to_item({"a": 1.0})  # type: ignore[dict-item]
