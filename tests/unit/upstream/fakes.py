"""Fakes of the upstream package's surroundings: a clock, and a provider's response without a network."""

from collections.abc import Iterable, Iterator


class FakeClock:
    """A monotonic clock in seconds, which only the test advances."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeResponse:
    """An open response that yields these pieces, and then raises the failure if there is one."""

    request_id = "req-1"
    status = 200

    def __init__(self, pieces: Iterable[bytes], failure: Exception | None = None) -> None:
        self._pieces = pieces
        self._failure = failure
        self.releases: list[str] = []
        """The ways in which it was released: `drained` or `closed`."""

    def pieces(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._failure:
            raise self._failure

    def drain(self) -> None:
        self.releases.append("drained")

    def close(self) -> None:
        self.releases.append("closed")
