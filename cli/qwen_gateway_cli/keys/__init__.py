"""`qwen-gateway keys`: the API keys of the gateway's clients."""
