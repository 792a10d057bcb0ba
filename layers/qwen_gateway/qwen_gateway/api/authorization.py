"""The API key of a request."""

from collections.abc import Mapping

from qwen_gateway.errors import KeyMissing


def bearer_token(headers: Mapping[str, str]) -> str:
    """Return the token of the `Authorization` header.

    Raises:
        KeyMissing: there is none, or it is no bearer token.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = "No API key was sent. Put it into the header: Authorization: Bearer sk-qg-..."
        raise KeyMissing(message)
    return token.strip()
