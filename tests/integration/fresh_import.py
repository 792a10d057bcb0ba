"""Import of a handler as in a new Lambda environment."""

import importlib
import sys
import threading
from types import ModuleType

import pytest


def import_fresh(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a module again, also if it was imported before."""
    monkeypatch.delitem(sys.modules, name, raising=False)
    before = set(threading.enumerate())
    try:
        return importlib.import_module(name)
    finally:
        # The thread that fetches the secret must not outlive the emulated AWS.
        for thread in set(threading.enumerate()) - before:
            thread.join()
