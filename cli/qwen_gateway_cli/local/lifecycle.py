"""The life of the local stack: started, watched, stopped."""

import shutil
import time
from pathlib import Path

from qwen_gateway_cli.console import note, refuse
from qwen_gateway_cli.local import preflight, stackfile, startup, upstream
from qwen_gateway_cli.local.interrupts import deferred
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.lock import held
from qwen_gateway_cli.local.processes import Process, Processes
from qwen_gateway_cli.local.readiness import last_words
from qwen_gateway_cli.local.stackfile import LocalStack

_WATCH_S = 0.2


class Lifecycle:
    """The stack of one repository."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._layout = Layout(root)
        self._processes = Processes(self._layout.processes)

    def start(self, port: int, provider: str | None) -> LocalStack:
        """Bring the stack up and return its addresses. Whatever goes wrong, nothing is left running."""
        with held(self._layout.lock):
            self._refuse_running_and_clear_left_over()
            uv = preflight.check(self._layout, port)
            choice = upstream.chosen(provider) if provider else None
            try:
                stack = startup.bring_up(self._layout, self._processes, uv, port, choice)
                stackfile.write(self._root, stack)
            except BaseException:
                self._stop()
                raise
            return stack

    def stop(self) -> list[Process]:
        """Stop everything that was started, remove its state, and return what was stopped."""
        with held(self._layout.lock):
            return self._stop()

    def watch(self) -> None:
        """Stay until Ctrl-C, which stops the stack, or until `down` is called elsewhere.

        A process that ends by itself is refused, after the others were stopped.
        """
        try:
            ended = self._first_to_end()
        except KeyboardInterrupt:
            note("Stopping.")
            self.stop()
            return
        if stackfile.read(self._root) is None:
            return
        words = last_words(self._layout.log(ended.name))
        self.stop()
        refuse(f"{ended.name} ended by itself, so the rest was stopped. {words}")

    def processes(self) -> dict[Process, bool]:
        """Return what was started and not stopped, and whether it lives."""
        return {process: self._processes.lives(process) for process in self._processes.recorded()}

    def _refuse_running_and_clear_left_over(self) -> None:
        stack = stackfile.read(self._root)
        earlier = self.processes()
        if stack is not None and earlier and all(earlier.values()):
            refuse(f"The local stack runs already, at {stack.base_url}: `qwen-gateway down` stops it.")
        if stack is not None or earlier:
            note("Clearing what an earlier stack left.")
            self._stop()

    def _first_to_end(self) -> Process:
        mine = self._processes.recorded()
        while True:
            ended = [process for process in mine if not self._processes.lives(process)]
            if ended:
                return ended[0]
            time.sleep(_WATCH_S)

    def _stop(self) -> list[Process]:
        with deferred():
            # First of all: it tells a watching `up` that the end is meant.
            stackfile.remove(self._root)
            stopped = self._processes.recorded()
            self._processes.stop(stopped)
            for folder in self._layout.transient_folders:
                shutil.rmtree(folder, ignore_errors=True)
            for file in self._layout.transient_files:
                file.unlink(missing_ok=True)
        return stopped
