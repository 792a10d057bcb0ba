"""A model of the ledger's protocol (docs/ledger.md), explored exhaustively.

`python -m tests.ledger_model` explores every configuration. Each transition is a write of the document, under its name,
or an event: an attempt's end, a crash, an expiry, the end of a period.
"""
