"""A streamed answer on its way to its reader, and what became of it in the end."""

from collections.abc import Callable, Iterator
from typing import Any

from qwen_gateway.errors import Defect, GatewayError, ProviderError
from qwen_gateway.routes import Target
from qwen_gateway.upstream.answering import Answering, Attempt, Event
from qwen_gateway.upstream.outcome import Outcome
from qwen_gateway.upstream.tidying import Tidying


class ClosedEarly(Exception):
    """The reader left before the end."""


class Relay:
    """An answer of which the first output has arrived.

    Args:
        before: the attempts that failed before this target answered.
        answering: the call that is under way.
        lowered_cap: the output cap that it was given, in tokens, when the client asked for more.
        failed: is told of its failure, and returns what the reader is to be told.
    """

    def __init__(
        self,
        before: tuple[Attempt, ...],
        answering: Answering,
        lowered_cap: int | None,
        failed: Callable[[ProviderError], GatewayError],
    ) -> None:
        self._lowered_cap = lowered_cap
        self._before = before
        self._answering = answering
        self._failed = failed
        self._tidying = Tidying()
        self._is_over = False
        self._outcome: Outcome[dict[str, Any]] | None = None

    @property
    def target(self) -> Target:
        """Who answers."""
        return self._answering.target

    @property
    def calls(self) -> int:
        """How many calls of providers it took until now, this one included."""
        return len(self._before) + 1

    @property
    def usage(self) -> Event | None:
        """The chunk that tells the usage, once the events are over; None when the provider told none."""
        return self._tidying.usage

    def events(self) -> Iterator[list[Event]]:
        """Yield the events for the reader, those together that arrived together, without the usage.

        Raises:
            GatewayError: the answer failed on its way.
        """
        try:
            for batch in self._answering.batches():
                if tidied := self._tidying.tidy(batch):
                    yield tidied
            self._is_over = True
        except ProviderError as error:
            attempt = self._answering.failed(error)
            told = self._failed(error)
            self._ended(told, attempt)
            raise told from None
        except Exception as unforeseen:
            defect = Defect(unforeseen)
            self._ended(defect, self._answering.failed(unforeseen))
            raise defect from unforeseen

    def end(self) -> Outcome[dict[str, Any]]:
        """Give the connection back, or break it off when the events are not over, and return what became of it all.

        The result of an answer that came to its end holds its `usage` alone.
        """
        if self._outcome:
            return self._outcome
        if self._is_over:
            usage = self._answering.progress.usage
            return self._ended({"usage": usage} if usage else {}, self._answering.answered())
        early = ClosedEarly()
        return self._ended(Defect(early), self._answering.failed(early))

    def _ended(self, result: dict[str, Any] | GatewayError, attempt: Attempt) -> Outcome[dict[str, Any]]:
        self._outcome = Outcome((*self._before, attempt), result, self._lowered_cap)
        return self._outcome
