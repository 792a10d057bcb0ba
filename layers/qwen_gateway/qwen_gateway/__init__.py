"""Qwen Gateway: the layer that all functions of the gateway share.

Programs outside of Lambda use its library: `from qwen_gateway import QwenClient`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qwen_gateway.library import QwenClient

__all__ = ["QwenClient"]


def __getattr__(name: str) -> object:
    """Import the library on first use, because the functions do not need it."""
    if name in __all__:
        from qwen_gateway import library  # noqa: PLC0415 - see above

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
