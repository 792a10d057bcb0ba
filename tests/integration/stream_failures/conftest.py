"""The functions with emulated AWS and a provider over real HTTP, as for chat."""

from tests.integration.chat.conftest import gateway, make_gateway

__all__ = ["gateway", "make_gateway"]
