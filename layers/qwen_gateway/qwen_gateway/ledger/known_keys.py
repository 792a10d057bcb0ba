"""What an environment remembers of keys: settings that the next call may assume, never authentication or limits."""

import time
from collections.abc import Callable

from qwen_gateway.ledger.key_snapshot import KeySnapshot

_SECONDS = 600
_MOST_KEYS = 1_000


class KnownKeys:
    """The items that DynamoDB returned within ten minutes, by the key's id."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._items: dict[str, tuple[KeySnapshot, float]] = {}
        self._valid: dict[str, float] = {}

    def remember(self, snapshot: KeySnapshot, *, valid_hash: str | None = None) -> None:
        """Keep an item; `valid_hash` is the digest of a token that was accepted for it."""
        now = self._clock()
        for kept in (self._items, self._valid):
            if len(kept) >= _MOST_KEYS:
                kept.clear()
        self._items[snapshot.id] = (snapshot, now)
        if valid_hash:
            self._valid[valid_hash] = now

    def find(self, key_id: str) -> KeySnapshot | None:
        """Return the item of a key, with settings that may have changed since."""
        snapshot, at = self._items.get(key_id, (None, 0.0))
        return snapshot if self._clock() - at <= _SECONDS else None

    def was_valid(self, token_hash: str) -> bool:
        """Return whether a token was accepted in this environment within ten minutes."""
        at = self._valid.get(token_hash)
        return at is not None and self._clock() - at <= _SECONDS
