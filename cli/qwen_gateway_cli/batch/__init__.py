"""`qwen-gateway batch`: a file of prompts, and a file of results as JSON Lines."""
