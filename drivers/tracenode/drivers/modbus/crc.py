"""CRC-16/MODBUS: polynomial 0xA001 reflected, start 0xFFFF."""

from __future__ import annotations

__all__ = ["crc16"]


def _table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1  # noqa: PLW2901
        rows.append(value)
    return tuple(rows)


TABLE = _table()


def crc16(data: bytes) -> int:
    """Return the check value, 0-65535; on an RTU wire its low byte goes first."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    return crc
