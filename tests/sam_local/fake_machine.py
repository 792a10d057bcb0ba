"""A machine on which only chosen commands exist, and only take note of how they are called."""

from collections.abc import Sequence
from pathlib import Path


class FakeMachine:
    """The commands in one folder, which is all that PATH names, and packages with more of them."""

    def __init__(self, folder: Path) -> None:
        self.commands = folder / "commands"
        self._notes = folder / "notes"
        self._packages = folder / "packages"
        for each in (self.commands, self._notes, self._packages):
            each.mkdir(parents=True)

    def add(self, command: str, then: str = "", *, package: str | None = None) -> None:
        """Add a command, which goes on with `then` in the shell; with a package it is there once apt installs that."""
        folder = self.commands if package is None else self._packages / package
        folder.mkdir(exist_ok=True)
        file = folder / command
        file.write_text(f'#!/bin/sh\necho "$*" >> {self._notes / command}\n{then}\n', encoding="utf-8")
        file.chmod(0o755)

    def add_apt(self, archive: str) -> None:
        """Add an apt that knows the packages and one archive."""
        install = f'for each in "$@"; do /bin/cp {self._packages}/"$each"/* {self.commands} 2> /dev/null; done'
        self.add("apt-get", f"{install}\necho {archive}")

    def calls(self, command: str) -> Sequence[str]:
        """Return what a command was told, call by call."""
        notes = self._notes / command
        return notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
