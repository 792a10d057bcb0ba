"""Termination signals: SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, which critical sections can defer."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

type _Handler = Callable[[int, FrameType | None], object]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt also on SIGTERM and SIGHUP."""
    with _handle_signals(_raise_interrupt):
        yield


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Delay an interrupt until the end of the block, so that a started process is always recorded."""
    received: list[int] = []
    with _handle_signals(lambda number, _: received.append(number)):
        yield
    if received:
        raise KeyboardInterrupt


def _raise_interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _handle_signals(handler: _Handler) -> Iterator[None]:
    """Install a handler for the block, except for signals that the parent process ignores (nohup)."""
    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous_handlers = {number: signal.signal(number, handler) for number in handled}
    try:
        yield
    finally:
        for number, previous in previous_handlers.items():
            signal.signal(number, previous)
