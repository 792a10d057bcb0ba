"""Importing a handler as a fresh environment of Lambda does."""

import importlib
import sys
import threading
from types import ModuleType

import pytest


def fresh_import(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a module anew, whatever was imported before."""
    monkeypatch.delitem(sys.modules, name, raising=False)
    before = set(threading.enumerate())
    try:
        return importlib.import_module(name)
    finally:
        # The thread that fetches the secret must not outlive the emulated AWS.
        for thread in set(threading.enumerate()) - before:
            thread.join()
