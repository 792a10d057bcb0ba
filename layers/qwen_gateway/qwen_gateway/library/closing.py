"""What the library's objects have in common that end with their block."""

from types import TracebackType
from typing import Self


class Closing:
    """Something that the end of a `with` block closes."""

    def close(self) -> None:
        """End it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
