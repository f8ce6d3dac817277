"""A slot of one: the newest item wins, what it replaces is counted, nothing is ever queued."""

import threading
import time
from typing import Generic, TypeVar

Item = TypeVar('Item')


class LatestSlot(Generic[Item]):
    """Hands the newest item from a callback to a worker thread."""

    def __init__(self) -> None:
        """Start open and empty."""
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._closed = False
        self.received = 0
        self.replaced = 0
        self.newest = 0.0  # when the last item came, seconds of time.monotonic

    def put(self, item: Item) -> None:
        """Store `item` and return at once; an item that nobody took yet is dropped and counted."""
        with self._condition:
            self.received += 1
            self.newest = time.monotonic()
            self.replaced += self._item is not None
            self._item = item
            self._condition.notify()

    def take(self) -> Item | None:
        """Wait for an item and return it; None once the slot is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._item is not None)
            item, self._item = self._item, None
            return None if self._closed else item

    @property
    def closed(self) -> bool:
        """Return whether nothing is handed on any more."""
        return self._closed

    def close(self) -> None:
        """Wake the worker for good; what lies in the slot is dropped."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
