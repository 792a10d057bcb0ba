"""The operator's command: the gateway on one machine, and its keys and secrets wherever it is deployed."""
