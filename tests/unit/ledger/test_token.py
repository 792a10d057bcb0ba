"""The form of an API key."""

import math
import string
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qwen_gateway.errors import KeyUnknown
from qwen_gateway.ledger import base62, token

ids = st.text(string.ascii_letters + string.digits, min_size=10, max_size=32)


@given(ids)
def test_a_token_leads_back_to_its_key(key_id: str) -> None:
    text = token.create(key_id)
    assert token.parse(text) == token.Token(key_id, text)


@given(ids, st.data())
def test_a_changed_letter_is_found_by_the_checksum(key_id: str, data: st.DataObject) -> None:
    text = token.create(key_id)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(base62.ALPHABET + "-_ é"))
    assume(letter != text[place])
    with pytest.raises(KeyUnknown):
        token.parse(text[:place] + letter + text[place + 1 :])


@given(ids, st.data())
def test_two_letters_that_changed_places_are_found(key_id: str, data: st.DataObject) -> None:
    text = token.create(key_id)
    place = data.draw(st.integers(0, len(text) - 2))
    assume(text[place] != text[place + 1])
    with pytest.raises(KeyUnknown):
        token.parse(text[:place] + text[place + 1] + text[place] + text[place + 2 :])


@given(ids, st.data())
def test_a_cut_token_is_no_token(key_id: str, data: st.DataObject) -> None:
    text = token.create(key_id)
    with pytest.raises(KeyUnknown):
        token.parse(text[: data.draw(st.integers(0, len(text) - 1))])


@given(st.text())
def test_garbage_is_no_token(text: str) -> None:
    with pytest.raises(KeyUnknown):
        token.parse(text)


def test_a_right_checksum_does_not_excuse_a_wrong_form() -> None:
    for body in (f"{token.create('Key000000001')}More00", "sk-qg-Short-" + "0" * 22, "sk-qg-Key000000001-" + "_" * 22):
        with pytest.raises(KeyUnknown):
            token.parse(body + base62.encode(zlib.crc32(body.encode()), 6))


def test_white_space_around_a_token_is_not_guessed_away() -> None:
    text = token.create(token.new_id())
    for spoiled in (text + "\n", f" {text}", f"{text}\u2028"):
        with pytest.raises(KeyUnknown):
            token.parse(spoiled)


def test_the_refusal_of_garbage_does_not_repeat_it() -> None:
    with pytest.raises(KeyUnknown) as refusal:
        token.parse("sk-somebody-elses-secret")
    assert "somebody" not in refusal.value.message


def test_tokens_and_ids_are_made_once() -> None:
    made = {token.create("Key000000001") for _ in range(1_000)}
    assert len(made) == 1_000
    assert len({token.new_id() for _ in range(1_000)}) == 1_000


def test_the_secret_holds_at_least_128_bits() -> None:
    text = token.create("Key000000001")
    secret = text.removeprefix("sk-qg-Key000000001-")[:-6]
    assert len(secret) * math.log2(len(base62.ALPHABET)) >= 128


def test_a_token_does_not_show_its_secret() -> None:
    text = token.create("Key000000001")
    assert text not in repr(token.parse(text))


def test_the_digest_is_sha256_in_hexadecimal() -> None:
    # From FIPS 180-2, appendix B.1.
    assert token.digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.integers(0, 62**6 - 1))
def test_base62_keeps_the_order_of_numbers_of_one_width(number: int) -> None:
    text = base62.encode(number, 6)
    assert len(text) == 6
    value = 0
    for letter in text:
        value = value * 62 + base62.ALPHABET.index(letter)
    assert value == number


@pytest.mark.parametrize("number", [62, -1])
def test_base62_refuses_what_does_not_fit(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        base62.encode(number, 1)
