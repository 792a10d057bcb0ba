"""API Gateway emulation on loopback: it invokes the built functions as API Gateway and Lambda do.

Routes, timeouts, CORS and gateway responses come from the processed template. Each function runs as built, in its own
processes, against an emulated Lambda Runtime API.
Run it with `python -m qwen_gateway_cli.local.apigateway SETTINGS.json`.
"""
