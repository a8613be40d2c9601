"""Topic filters (MQTT 5.0, 4.7)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from tracenode.models.errors import BadSetting

__all__ = ["Topic", "TopicFilter", "matches", "overlap"]

MAX_BYTES = 65_535


def matches(wanted: str, topic: str) -> bool:
    """Whether a topic filter matches a topic."""
    if topic.startswith("$") and not wanted.startswith("$"):
        return False
    return _fit(wanted.split("/"), topic.split("/"))


def overlap(one: str, other: str) -> bool:
    """Whether there is a topic that both filters match."""
    return _fit(one.split("/"), other.split("/"))


def _fit(one: list[str], other: list[str]) -> bool:
    for place in range(max(len(one), len(other))):
        left = one[place] if place < len(one) else None
        right = other[place] if place < len(other) else None
        if "#" in (left, right):
            return True
        if left is None or right is None:
            # "a/#" matches "a" itself.
            rest = one[place:] or other[place:]
            return rest == ["#"]
        if left != right and "+" not in (left, right):
            return False
    return True


def _filter(text: str) -> str:
    levels = text.split("/")
    sound = (
        0 < len(text.encode()) <= MAX_BYTES
        and "\0" not in text
        and not text.startswith("$share/")
        and all(level in {"+", "#"} or not {"+", "#"} & set(level) for level in levels)
        and "#" not in levels[:-1]
    )
    if not sound:
        raise BadSetting("a topic filter such as line1/+/scan or line1/#", repr(text))
    return text


def _topic(text: str) -> str:
    if {"+", "#"} & set(_filter(text)):
        raise BadSetting("one topic, without + and #", repr(text))
    return text


TopicFilter = Annotated[str, AfterValidator(_filter)]
Topic = Annotated[str, AfterValidator(_topic)]
