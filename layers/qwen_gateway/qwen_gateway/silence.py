"""The log is the functions' own: at level DEBUG botocore and the openai SDK write secrets and prompts into it."""

import logging


def silence_libraries() -> None:
    """Let nothing reach the root logger's handlers; the function's own logger has a handler of its own.

    Whatever level an operator sets for Lambda or a library, and also for a library that asks for a handler later:
    it finds one here.
    """
    logging.root.handlers[:] = [logging.NullHandler()]
