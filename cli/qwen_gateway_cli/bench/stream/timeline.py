"""When the parts of one stream arrived."""

import time

from qwen_gateway_cli.bench.stream.provider import DONE


class Timeline:
    """Takes a stream's pieces as they arrive. Times are milliseconds from when it is made.

    `text` is the event that counts as one text.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._tail = b""
        self._began = time.perf_counter()
        self.first_ms = 0.0
        """The first text."""
        self.last_ms = 0.0
        """The last event that a client waits for."""
        self.leaked = 0
        """Pieces that held more texts than one."""

    def take(self, piece: bytes) -> None:
        """Take what arrived now."""
        now = (time.perf_counter() - self._began) * 1000
        texts = piece.count(self._text)
        if texts and not self.first_ms:
            self.first_ms = now
        # What is relayed unread may break within the mark.
        if DONE in self._tail + piece:
            self.last_ms = now
        self._tail = piece[-len(DONE) :]
        self.leaked += texts > 1
