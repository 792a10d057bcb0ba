"""A provider's answer as it comes in, without a network."""

from collections.abc import Iterable, Iterator


class Playing:
    """An open stream that gives these pieces, and then raises the failure if there is one."""

    request_id = "req-1"
    status = 200

    def __init__(self, pieces: Iterable[bytes], failure: Exception | None = None) -> None:
        self._pieces = pieces
        self._failure = failure
        self.ended: list[str] = []
        """How it was left."""

    def pieces(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._failure:
            raise self._failure

    def drain(self) -> None:
        self.ended.append("wound up")

    def close(self) -> None:
        self.ended.append("broken off")
