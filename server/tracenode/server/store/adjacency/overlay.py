"""What came and went since the file was made, for every journal position since.

The writer hands its notes over before it commits them, and a snapshot at position P uses what is
noted up to P: so it sees what its tables have, whatever is committed meanwhile. Handing over is one
append; who asks first afterwards files the notes by item.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from tracenode.server.store.adjacency.moved import Moved

__all__ = ["Changes", "Overlay"]

_NOTHING: Final[list[int]] = []


class Changes:
    """One direction. The rows that came to an item are `[position, code, position, code ...]` in
    the order of the journal, a code being a neighbour as `layout` has it; an item that rows went
    from stands in both."""

    __slots__ = ("came", "went")

    def __init__(self) -> None:
        self.came: dict[int, list[int]] = {}
        self.went: dict[int, list[int]] = {}

    def add(self, position: int, item: int, code: int, sign: int) -> None:
        # One extension, so that a reader never sees half a pair.
        came = self.came.setdefault(item, [])
        (came if sign > 0 else self.went.setdefault(item, [])).extend((position, code))

    def mended(self, item: int, codes: list[int], position: int) -> list[int]:
        """Return what is at an item of which the file has `codes`, at a position."""
        codes = codes + _upto(self.came.get(item, _NOTHING), position)
        went = _upto(self.went.get(item, _NOTHING), position)
        if not went:
            return codes
        left = Counter(codes)
        left.subtract(went)
        return [code for code, count in left.items() if count > 0]


def _upto(pairs: list[int], position: int) -> list[int]:
    pairs = pairs[:]
    if not pairs or pairs[-2] <= position:
        return pairs[1::2]
    return [code for at, code in zip(pairs[::2], pairs[1::2], strict=True) if at <= position]


class Overlay:
    """Both directions. Written by any thread, read by any."""

    def __init__(self) -> None:
        self.inputs = Changes()
        self.outputs = Changes()
        self.top = 0
        """The highest number of an item."""
        self.size = 0
        """Rows noted."""
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, Sequence[Moved]]] = deque()

    def hand_over(self, position: int, moved: Sequence[Moved]) -> None:
        """Take what came and went up to a position."""
        self._waiting.append((position, moved))

    def begin(self, position: int, moved: Sequence[Moved]) -> None:
        """File what the tables say came and went up to a position; what was handed over up to there
        is part of it."""
        with self._lock:
            self._waiting = deque(batch for batch in self._waiting if batch[0] > position)
            self._file(position, moved)

    def file(self) -> None:
        """File by item what was handed over."""
        if not self._waiting:
            return
        with self._lock:
            while self._waiting:
                # Taken off when it is filed, so that nobody finds the queue empty before.
                position, moved = self._waiting[0]
                self._file(position, moved)
                self._waiting.popleft()

    def _file(self, position: int, moved: Sequence[Moved]) -> None:
        for dst, src, closed, sign in moved:
            self.inputs.add(position, dst, ~src if closed else src, sign)
            self.outputs.add(position, src, ~dst if closed else dst, sign)
            self.top = max(self.top, dst, src)
        self.size += len(moved)
