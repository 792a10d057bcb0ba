"""A fake machine with only the commands that a test adds; each records its calls."""

from collections.abc import Sequence
from pathlib import Path


class FakeMachine:
    """Commands in the only folder of PATH, and packages with further commands."""

    def __init__(self, folder: Path) -> None:
        self.commands = folder / "commands"
        self._calls_folder = folder / "calls_folder"
        self._packages = folder / "packages"
        for each in (self.commands, self._calls_folder, self._packages):
            each.mkdir(parents=True)

    def add(self, command: str, script: str = "", *, package: str | None = None) -> None:
        """Add a command that records its calls and runs a script; with `package`, when apt installs that package."""
        folder = self.commands if package is None else self._packages / package
        folder.mkdir(exist_ok=True)
        file = folder / command
        file.write_text(f'#!/bin/sh\necho "$*" >> {self._calls_folder / command}\n{script}\n', encoding="utf-8")
        file.chmod(0o755)

    def add_apt(self, archive: str) -> None:
        """Add an apt-get that installs the packages and lists one archive."""
        install = f'for each in "$@"; do /bin/cp {self._packages}/"$each"/* {self.commands} 2> /dev/null; done'
        self.add("apt-get", f"{install}\necho {archive}")

    def calls(self, command: str) -> Sequence[str]:
        """Return the arguments of each call of a command."""
        calls_folder = self._calls_folder / command
        return calls_folder.read_text(encoding="utf-8").splitlines() if calls_folder.exists() else []
