"""The operator's command: runs the gateway locally, and manages the keys and secrets of deployed gateways."""
