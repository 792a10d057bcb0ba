"""Start, watch and stop the local stack of one repository."""

import shutil
import time
from pathlib import Path

from qwen_gateway_cli import stackfile
from qwen_gateway_cli.console import note, refuse
from qwen_gateway_cli.interrupts import defer_interrupts
from qwen_gateway_cli.local import preflight
from qwen_gateway_cli.local.layout import Layout
from qwen_gateway_cli.local.preflight import hold_lock
from qwen_gateway_cli.local.processes import Process, Processes, quote_log_end
from qwen_gateway_cli.local.startup import start_stack
from qwen_gateway_cli.stackfile import LocalStack
from qwen_gateway_cli.upstream import resolve_upstream

_WATCH_S = 0.2


class Lifecycle:
    """The local stack of one repository."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._layout = Layout(root)
        self._processes = Processes(self._layout.processes)

    def start(self, port: int, provider: str | None) -> LocalStack:
        """Start the stack and return its addresses. On any failure everything is stopped again."""
        with hold_lock(self._layout.lock):
            self._check_not_running()
            uv = preflight.check(self._layout, port)
            upstream = resolve_upstream(provider) if provider else None
            try:
                stack = start_stack(self._layout, self._processes, uv, port, upstream)
                stackfile.write(self._root, stack)
            except BaseException:
                self._stop()
                raise
            return stack

    def stop(self) -> list[Process]:
        """Stop every process of the stack, remove its state, and return the stopped processes."""
        with hold_lock(self._layout.lock):
            return self._stop()

    def watch(self) -> None:
        """Wait until Ctrl-C, which stops the stack, or until another command stops it.

        When a process ends unexpectedly, the others are stopped and the command fails.
        """
        try:
            ended = self._wait_for_exit()
        except KeyboardInterrupt:
            note("Stopping.")
            self.stop()
            return
        if stackfile.read(self._root) is None:
            return
        log_end = quote_log_end(self._layout.log(ended.name))
        self.stop()
        refuse(f"{ended.name} ended unexpectedly, so the rest was stopped. {log_end}")

    def processes(self) -> dict[Process, bool]:
        """Return the recorded processes, and whether each of them runs."""
        return {process: self._processes.is_alive(process) for process in self._processes.recorded()}

    def _check_not_running(self) -> None:
        """Fail when a complete stack runs; stop the remains of an incomplete one."""
        stack = stackfile.read(self._root)
        recorded = self.processes()
        if stack is not None and recorded and all(recorded.values()):
            refuse(f"The local stack already runs at {stack.base_url}: `qwen-gateway down` stops it.")
        if stack is not None or recorded:
            note("Removing the remains of an earlier stack.")
            self._stop()

    def _wait_for_exit(self) -> Process:
        """Return the first process that ends."""
        watched = self._processes.recorded()
        while True:
            ended = [process for process in watched if not self._processes.is_alive(process)]
            if ended:
                return ended[0]
            time.sleep(_WATCH_S)

    def _stop(self) -> list[Process]:
        with defer_interrupts():
            # Removed first: without this file a watching `up` treats the exit of its processes as intended.
            stackfile.remove(self._root)
            stopped = self._processes.recorded()
            self._processes.stop(stopped)
            for folder in self._layout.transient_folders:
                shutil.rmtree(folder, ignore_errors=True)
            for file in self._layout.transient_files:
                file.unlink(missing_ok=True)
        return stopped
