"""Telegrams: from bytes to texts, without I/O."""

from __future__ import annotations

from tracenode.drivers.telegram.framer import Framer, Framing, Telegram, Terminator
from tracenode.drivers.telegram.repeats import Repeats
from tracenode.drivers.telegram.texts import (
    NOREAD_PATTERNS,
    Reject,
    Text,
    compiled_noread,
    read_text,
)

__all__ = [
    "NOREAD_PATTERNS",
    "Framer",
    "Framing",
    "Reject",
    "Repeats",
    "Telegram",
    "Terminator",
    "Text",
    "compiled_noread",
    "read_text",
]
