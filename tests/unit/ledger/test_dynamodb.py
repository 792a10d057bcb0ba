"""Conversion between plain values and DynamoDB attribute values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.ledger.dynamodb import from_item, to_item

values = st.recursive(
    st.text() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1), values))
def test_values_are_unchanged_after_a_round_trip(fields: dict[str, object]) -> None:
    assert from_item(to_item(fields)) == fields  # type: ignore[arg-type]


def test_booleans_and_numbers_have_different_types() -> None:
    assert to_item({"a": True, "b": 1}) == {"a": {"BOOL": True}, "b": {"N": "1"}}


def test_large_integers_are_exact() -> None:
    assert to_item({"a": 10**30}) == {"a": {"N": "1" + "0" * 30}}


def test_none_is_omitted() -> None:
    assert to_item({"a": None, "b": {"c": None}}) == {"b": {"M": {}}}


def test_a_float_is_rejected() -> None:
    with pytest.raises(TypeError, match="float"):
        to_item({"a": 1.0})  # type: ignore[dict-item]
