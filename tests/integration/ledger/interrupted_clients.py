"""DynamoDB clients that let something happen before a write, or send a write twice."""

from collections.abc import Callable
from typing import Any


class InterruptedClient:
    """A client that calls `before` between the read and the write of an operation."""

    def __init__(self, client: Any, before: Callable[[], object]) -> None:
        self._client = client
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_item(self, **request: Any) -> Any:
        self._before()
        return self._client.update_item(**request)


class InterruptedAtRows(InterruptedClient):
    """A client that calls `before` also before a row is written."""

    def put_item(self, **request: Any) -> Any:
        self._before()
        return self._client.put_item(**request)


class InterruptedTransaction:
    """A client that calls `before` between the read and the transaction, and repeats it if `repeats`."""

    def __init__(self, client: Any, before: Any = None, *, repeats: bool = False) -> None:
        self._client = client
        self._before = before
        self._repeats = repeats

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        if self._before:
            self._before()
        if self._repeats:
            self._client.transact_write_items(**request)
        return self._client.transact_write_items(**request)


class RepeatingClient:
    """A client that sends each write twice, like botocore after a lost response."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if name not in {"put_item", "update_item"}:
            return operation

        def send_twice(**request: Any) -> Any:
            operation(**request)
            return operation(**request)

        return send_twice
