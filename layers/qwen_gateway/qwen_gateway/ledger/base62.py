"""Base62: digits and both cases of the Latin letters, so that a double click selects a whole key."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def encode(number: int, width: int) -> str:
    """Return a number, 0 or more, as `width` digits, the most significant first.

    Raises:
        ValueError: the number needs more digits, or is negative.
    """
    digits = [""] * width
    for place in reversed(range(width)):
        number, digit = divmod(number, 62)
        digits[place] = ALPHABET[digit]
    if number:
        raise ValueError("the number does not fit")
    return "".join(digits)
