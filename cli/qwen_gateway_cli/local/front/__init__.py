"""The gateway on loopback: speaks like API Gateway, calls the functions as Lambda does.

Routes, timeouts, CORS and gateway responses come from the processed template; each function runs as built, in
processes of its own, on a stand-in of the Lambda Runtime API. `python -m qwen_gateway_cli.local.front SETTINGS.json`.
"""
