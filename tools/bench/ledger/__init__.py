"""`make bench-ledger`: the ledger under load and under kills, on ministack and the mock Qwen (docs/ledger.md).

The function's code is real, from `chat.handler` to DynamoDB's wire protocol. DynamoDB is an emulator in one process and
Qwen a mock, so no figure is one of AWS.
"""
