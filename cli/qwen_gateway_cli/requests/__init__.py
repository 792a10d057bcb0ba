"""`qwen-gateway requests`: what is known of the calls of clients."""
