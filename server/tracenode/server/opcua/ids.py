"""NodeIds and StatusCodes from plain Python values."""

from __future__ import annotations

from typing import Any

from asyncua import ua

__all__ = ["ua_id", "ua_status"]


def ua_id(identifier: int | str | bytes, namespace: int = 0) -> ua.NodeId:
    """Return a NodeId; a number alone is one of namespace 0."""
    plain: Any = identifier
    index: Any = namespace
    if isinstance(identifier, bytes):
        return ua.NodeId(plain, index, ua.NodeIdType.ByteString)
    return ua.NodeId(plain, index)


def ua_status(code: int) -> ua.StatusCode:
    """Return a StatusCode of a number from `StatusCodes`."""
    return ua.StatusCode(ua.UInt32(code))
