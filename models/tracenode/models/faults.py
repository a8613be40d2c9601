"""Faults that pydantic found, in the words of all our errors: where, expected, found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from tracenode.models.errors import MalformedRequest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["expected_of", "malformed"]

SHOWN: Final = 80
"""Characters of what was found."""
SAMPLES: Final = {
    "date_": "a date such as 2027-12-31",
    "datetime_": "a time such as 2026-11-22T14:30:00Z",
}
"""For types of fault of which pydantic tells how it parses rather than what to write."""


def expected_of(fault: ErrorDetails) -> str:
    """Return what would have been right, as it reads after "expected"."""
    context: Mapping[str, Any] = fault.get("ctx") or {}
    if fault["type"] == "missing":
        return "a value"
    if fault["type"] == "value_error":
        return str(context["error"])
    for kind, sample in SAMPLES.items():
        if fault["type"].startswith(kind):
            return sample
    if fault["type"] == "string_too_short":
        return f"a text of at least {context['min_length']} character(s)"
    if fault["type"] == "string_too_long":
        return f"a text of at most {context['max_length']} characters"
    if "pattern" in context:
        return f"text of the form {context['pattern']}"
    return fault["msg"].removeprefix("Input should be ").removeprefix("a valid ")


def malformed(error: ValidationError, *within: str, outer: int = 0) -> MalformedRequest:
    """Return the first fault. Its field is the path of the fault after `within`, without the
    `outer` first steps that the sender knows nothing of."""
    fault = error.errors(include_url=False)[0]
    path = ".".join(str(step) for step in (*within, *fault["loc"][outer:]))
    found = "nothing" if fault["type"] == "missing" else repr(fault["input"])[:SHOWN]
    return MalformedRequest(path, expected_of(fault), found)
