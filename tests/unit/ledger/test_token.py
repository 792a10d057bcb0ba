"""The format of an API key."""

import math
import string
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qwen_gateway.errors import KeyUnknown
from qwen_gateway.ledger import token

ids = st.text(string.ascii_letters + string.digits, min_size=10, max_size=32)


@given(ids)
def test_a_created_token_is_parsed_to_its_key_id(key_id: str) -> None:
    text = token.create(key_id)
    assert token.parse(text) == token.Token(key_id, text)


@given(ids, st.data())
def test_the_checksum_detects_a_changed_character(key_id: str, data: st.DataObject) -> None:
    text = token.create(key_id)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(token.BASE62 + "-_ é"))
    assume(letter != text[place])
    with pytest.raises(KeyUnknown):
        token.parse(text[:place] + letter + text[place + 1 :])


@given(ids, st.data())
def test_the_checksum_detects_two_swapped_characters(key_id: str, data: st.DataObject) -> None:
    text = token.create(key_id)
    place = data.draw(st.integers(0, len(text) - 2))
    assume(text[place] != text[place + 1])
    with pytest.raises(KeyUnknown):
        token.parse(text[:place] + text[place + 1] + text[place] + text[place + 2 :])


@given(ids, st.data())
def test_a_truncated_token_is_rejected(key_id: str, data: st.DataObject) -> None:
    text = token.create(key_id)
    with pytest.raises(KeyUnknown):
        token.parse(text[: data.draw(st.integers(0, len(text) - 1))])


@given(st.text())
def test_arbitrary_text_is_rejected(text: str) -> None:
    with pytest.raises(KeyUnknown):
        token.parse(text)


def test_a_wrong_format_with_a_valid_checksum_is_rejected() -> None:
    for body in (f"{token.create('Key000000001')}More00", "sk-qg-Short-" + "0" * 22, "sk-qg-Key000000001-" + "_" * 22):
        with pytest.raises(KeyUnknown):
            token.parse(body + token.encode_base62(zlib.crc32(body.encode()), 6))


def test_white_space_around_a_token_is_rejected() -> None:
    text = token.create(token.create_id())
    for padded in (text + "\n", f" {text}", f"{text}\u2028"):
        with pytest.raises(KeyUnknown):
            token.parse(padded)


def test_the_error_does_not_quote_the_token() -> None:
    with pytest.raises(KeyUnknown) as error:
        token.parse("sk-somebody-elses-secret")
    assert "somebody" not in error.value.message


def test_tokens_and_ids_are_unique() -> None:
    tokens = {token.create("Key000000001") for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert len({token.create_id() for _ in range(1_000)}) == 1_000


def test_the_secret_has_at_least_128_bits() -> None:
    text = token.create("Key000000001")
    secret = text.removeprefix("sk-qg-Key000000001-")[:-6]
    assert len(secret) * math.log2(len(token.BASE62)) >= 128


def test_the_repr_of_a_token_omits_its_secret() -> None:
    text = token.create("Key000000001")
    assert text not in repr(token.parse(text))


def test_the_digest_is_sha256_in_hexadecimal() -> None:
    # From FIPS 180-2, appendix B.1.
    assert token.digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.integers(0, 62**6 - 1))
def test_base62_digits_have_the_value_of_the_number(number: int) -> None:
    text = token.encode_base62(number, 6)
    assert len(text) == 6
    value = 0
    for letter in text:
        value = value * 62 + token.BASE62.index(letter)
    assert value == number


@pytest.mark.parametrize("number", [62, -1])
def test_base62_rejects_a_number_that_does_not_fit(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        token.encode_base62(number, 1)
