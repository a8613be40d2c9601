"""What the server takes and gives at most; shown under Limits."""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_DEPTH",
    "MAX_DETAILS",
    "MAX_FOUND",
    "MAX_ITEMS",
    "MAX_LISTED_ITEMS",
    "MAX_MEASUREMENTS",
    "MAX_NODES",
    "MAX_PAGE",
    "MAX_RECALLED",
    "MAX_RECORDS",
    "QUESTION_TIME",
    "limited",
]

MAX_DEPTH: Final = 65_535
MAX_NODES: Final = 5_000
"""Of a genealogy answer in structures: their encoding holds the event loop."""
MAX_ITEMS: Final = 10_000
"""Of an answer in arrays."""
MAX_PAGE: Final = 2_000
"""Of a page of a recall: encoding 10,000 ids holds the event loop for more than 20 ms."""
MAX_RECALLED: Final = 1_000_000
"""Of a recall that is kept for paging."""
MAX_DETAILS: Final = 1_000
"""Of an answer that looks up each of its items."""
MAX_FOUND: Final = 200
"""Of a page of a search: each is a structure of 14 fields."""
MAX_RECORDS: Final = 500
"""Of one call: each is a structure of 45 fields."""
MAX_MEASUREMENTS: Final = 40
MAX_LISTED_ITEMS: Final = 256
MAX_VERIFIED: Final = 1_000_000
"""Journal entries that one VerifyIntegrity reads."""
QUESTION_TIME: Final = 12.0
"""Seconds after which a question is answered with what was found, marked as truncated."""


def limited(asked: int | None, limit: int) -> int:
    """Return how many are given: the server's limit where 0, nothing or more is asked for."""
    return min(asked, limit) if asked else limit
