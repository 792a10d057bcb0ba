"""A DynamoDB client whose writes fail in the ways of docs/ledger.md, "Retries and unclear writes"."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

WRITES = frozenset({"update_item", "put_item", "transact_write_items"})


class ProcessKilled(BaseException):
    """The process ended before this write; no code of the ledger catches it."""


class FlakyClient:
    """A client whose writes take `faults` in turn: None, an exception to raise instead of the write, or one of these.

    lost answer     applied, and the answer is lost
    late            not applied yet: it is on its way, in `late`
    repeated        applied twice, as by the SDK after a lost answer
    late duplicate  applied, and repeated later: the second one is on its way
    killed          the process ends before the write
    a function      is called before the write: what another process does meanwhile
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.faults: Iterator[Any] = iter(())
        self.late: list[Callable[[], Any]] = []
        """Writes on their way, as partial functions."""
        self.after: Callable[[], object] = lambda: None
        """Is called after each write that was sent."""
        self.updates = 0

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        return functools.partial(self._write, operation) if name in WRITES else operation

    def _write(self, operation: Callable[..., Any], **request: Any) -> Any:
        self.updates += 1
        send = functools.partial(operation, **request)
        match next(self.faults, None):
            case "lost answer":
                self._send(send)
                raise ReadTimeoutError(endpoint_url="http://dynamodb")
            case "late":
                self.late.append(send)
                raise ReadTimeoutError(endpoint_url="http://dynamodb")
            case "repeated":
                ignore_refusal(lambda: self._send(send))
            case "late duplicate":
                self.late.append(send)
            case "killed":
                raise ProcessKilled
            case Exception() as failure:
                raise failure
            case happen if callable(happen):
                happen()
        return self._send(send)

    def _send(self, send: Callable[[], Any]) -> Any:
        answer = send()
        self.after()
        return answer


def ignore_refusal(send: Callable[[], Any]) -> None:
    """Send a write whose answer nobody gets."""
    try:
        send()
    except ClientError as failure:
        if failure.response["Error"]["Code"] not in {"ConditionalCheckFailedException", "TransactionCanceledException"}:
            raise


def client_error(code: str, status: int = 400) -> ClientError:
    """Return an error of DynamoDB."""
    metadata: Any = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": metadata}, "UpdateItem")
