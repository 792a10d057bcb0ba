"""The way to Qwen: edge, upstream, ledger and secrets, shared by every function of the gateway."""
