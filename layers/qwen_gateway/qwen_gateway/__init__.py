"""The way to Qwen: edge, upstream, ledger and secrets, shared by every function of the gateway.

`from qwen_gateway import QwenClient` is the way in for programs of your own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qwen_gateway.library import QwenClient

__all__ = ["QwenClient"]


def __getattr__(name: str) -> object:
    """Load the library when it is asked for: functions do without it."""
    if name in __all__:
        from qwen_gateway import library  # noqa: PLC0415 - see above

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
