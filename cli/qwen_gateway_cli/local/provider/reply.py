"""An answer ready to be sent, in the parts in which a fault may leave it."""

from dataclasses import dataclass
from typing import NamedTuple


class Part(NamedTuple):
    """Bytes that are sent at once. A delta is one that carries content or a piece of a tool call."""

    data: bytes
    is_delta: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A body in parts: the events of a stream, or the two halves of a whole answer, whose first counts as a delta."""

    content_type: str
    parts: list[Part]
    streamed: bool

    @property
    def body(self) -> bytes:
        """The parts in one."""
        return b"".join(part.data for part in self.parts)

    def cut(self, deltas: int) -> int:
        """Return how many parts end with so many deltas: none for 0, all up to the last when there are fewer."""
        ends = [number for number, part in enumerate(self.parts, 1) if part.is_delta]
        return ends[min(deltas, len(ends)) - 1] if deltas and ends else 0

    def spoiled(self, deltas: int) -> "Reply":
        """This reply with JSON that lacks its last bracket: the event after so many deltas, or the whole answer."""
        place = self.cut(deltas) if self.streamed else len(self.parts) - 1
        text = self.parts[place].data.rstrip()
        ending = self.parts[place].data[len(text) :]
        spoiled = Part(text[:-1] + ending, is_delta=self.parts[place].is_delta)
        return Reply(self.content_type, [*self.parts[:place], spoiled, *self.parts[place + 1 :]], self.streamed)
