"""`qwen-gateway bench`: the chat function beside the handler that one would write without it.

Both run under Lambda's own runtime emulator (the binary that sam brings), called in turn in one run, so that what
disturbs the machine disturbs both. AWS and Qwen are replayed answers on loopback: no network, no disk of Lambda, no
SnapStart. The figures are no AWS figures; their ratios say how much work each does.
"""
