"""Questions as JSON, for clients that know only strings (WinCC OA, Ignition, Node-RED)."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from tracenode.models.answers import (
    Ingredients,
    ItemDetail,
    ItemHistory,
    PathBetween,
    Question,
    RecallScope,
    WhereUsed,
)
from tracenode.models.errors import MalformedRequest

__all__ = ["QUESTIONS", "parse_question"]

QUESTIONS: Final[dict[str, type[Question]]] = {
    "ingredients": Ingredients,
    "where_used": WhereUsed,
    "history": ItemHistory,
    "path": PathBetween,
    "recall": RecallScope,
    "item": ItemDetail,
}
METHOD_NAMES: Final = {
    "TraceIngredients": "ingredients",
    "TraceWhereUsed": "where_used",
    "GetHistory": "history",
    "PathBetween": "path",
    "RecallScope": "recall",
    "GetItem": "item",
}
"""The methods that ask the same."""
TIMES: Final = ("as_of", "as_known_at")


def parse_question(name: str, arguments: str, deadline_s: float) -> Question:
    """Return the question of this name, its fields from a JSON object; times are ISO 8601, in UTC
    where they have no zone. `deadline_s` bounds its own.

    Raises:
        MalformedRequest: no such name, no JSON object, an unknown field or a wrong value.
    """
    kind = QUESTIONS.get(METHOD_NAMES.get(name, name))
    if kind is None:
        known = ", ".join((*QUESTIONS, *METHOD_NAMES))
        raise MalformedRequest("Name", f"one of {known}", repr(name))
    try:
        given = json.loads(arguments)
    except ValueError as e:
        raise MalformedRequest("ArgumentsJson", "a JSON object", str(e)) from e
    if not isinstance(given, dict):
        raise MalformedRequest("ArgumentsJson", "a JSON object", repr(given)[:60])
    allowed = [field.name for field in fields(kind)]
    unknown = sorted(given.keys() - set(allowed))
    if unknown:
        raise MalformedRequest("ArgumentsJson", ", ".join(allowed), ", ".join(unknown))
    asked: dict[str, Any] = {
        key: _in_utc(value) if key in TIMES else value for key, value in given.items()
    }
    longest = asked.get("deadline_s", deadline_s)
    if isinstance(longest, int | float):
        asked["deadline_s"] = min(longest, deadline_s)
    try:
        return TypeAdapter(kind).validate_python(asked)
    except ValidationError as e:
        fault = e.errors(include_url=False)[0]
        path = ".".join(str(step) for step in fault["loc"])
        raise MalformedRequest(path, fault["msg"], repr(fault["input"])[:60]) from e


def _in_utc(value: Any) -> Any:
    """Return a text that is a time as that time."""
    if not isinstance(value, str):
        return value
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return time if time.tzinfo else time.replace(tzinfo=UTC)
