"""The local stack: the gateway on one machine."""
