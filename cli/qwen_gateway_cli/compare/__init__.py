"""`qwen-gateway compare`: what a load costs with each model and platform."""
