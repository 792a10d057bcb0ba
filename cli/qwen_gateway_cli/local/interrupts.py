"""Ctrl-C, and the other two ways of being told to end, as one thing: KeyboardInterrupt, at a moment that suits."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

type _Handler = Callable[[int, FrameType | None], object]

_TOLD_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def as_keyboard_interrupt() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal like Ctrl-C."""
    with _handled_by(_interrupt):
        yield


@contextmanager
def deferred() -> Iterator[None]:
    """Let an interrupt wait until the block is done, so that nothing is started and not written down."""
    waiting: list[int] = []
    with _handled_by(lambda number, _: waiting.append(number)):
        yield
    if waiting:
        raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _handled_by(handler: _Handler) -> Iterator[None]:
    """Handle the signals for a while, but for those that the caller ignores (nohup)."""
    heeded = [number for number in _TOLD_TO_END if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
