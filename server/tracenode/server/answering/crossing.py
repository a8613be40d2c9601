"""Errors that cross a pipe unchanged."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

from tracenode.models.errors import TracenodeError

__all__ = ["error_as_bytes", "error_from"]


def error_as_bytes(error: BaseException) -> bytes:
    """Return an error as bytes. One of our own tree keeps its class, its text and its values; any
    other becomes a RuntimeError that says what it was and where."""
    if not isinstance(error, TracenodeError):
        where = "".join(traceback.format_exception(error))
        error = RuntimeError(f"{type(error).__name__} in the reading process: {error}\n{where}")
    return pickle.dumps((type(error), error.args, vars(error)))


def error_from(data: bytes) -> Exception:
    """Return the error."""
    kind: type[Exception]
    values: dict[str, Any]
    kind, args, values = pickle.loads(data)
    # Its own __init__ takes what the text is made of.
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(values)
    return error
