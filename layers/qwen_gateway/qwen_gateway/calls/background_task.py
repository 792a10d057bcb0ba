"""Work in a thread, whose result can be awaited for a limited time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future


class BackgroundTask[Result]:
    """Runs `work` in a thread of its own."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._future: Future[Result] = Future()
        self._thread = threading.Thread(target=self._run, name="background-task", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> Result | None:
        """Return the result, or None if it takes longer. Raises what the work raised."""
        self._thread.join(max(0.0, seconds))
        return None if self._thread.is_alive() else self._future.result()

    def result(self) -> Result:
        """Wait for the result and return it. Raises what the work raised."""
        return self._future.result()

    def _run(self) -> None:
        try:
            self._future.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again by `wait` and `result`
            self._future.set_exception(error)
