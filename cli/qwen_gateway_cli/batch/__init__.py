"""`qwen-gateway batch`: a file of prompts through the library, and its answers into a file of JSON Lines."""
