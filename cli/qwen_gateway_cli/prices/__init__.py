"""`qwen-gateway prices`: check, list and show what models cost."""
