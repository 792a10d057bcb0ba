"""A stand-in for Qwen: DashScope's manners, envelopes, refusals and failures, on loopback and without a model."""

from qwen_gateway_cli.local.provider.server import RunningProvider, running_provider

__all__ = ["RunningProvider", "running_provider"]
