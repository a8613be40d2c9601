"""What is said about items and records: holds, voids, master data, gaps, reports."""

from __future__ import annotations

import json
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from tracenode.models.event_parts import (
    MAX_INPUTS,
    Count,
    EventBase,
    Name,
    Reference,
    Text,
    Window,
)

__all__ = [
    "Gap",
    "Hold",
    "Master",
    "Release",
    "Report",
    "Stale",
    "Void",
]


class Hold(EventBase):
    """A standing rule: the item is held; with scope `where_used` so is all it went into; with scope
    `window` all that was at a station within a time, and all that went into (SEMANTICS S17).
    The record's id is the hold's id."""

    type: Literal["hold"] = "hold"
    item: Reference = ""
    scope: Literal["item", "where_used", "window"] = "item"
    window: Window | None = None
    reason: Text

    @model_validator(mode="after")
    def _names_what_is_held(self) -> Self:
        if (self.scope == "window") != (self.window is not None):
            raise ValueError("a window with scope window, and with no other scope")
        if (self.scope == "window") == bool(self.item):
            raise ValueError("an item with scope item or where_used, and none with scope window")
        return self


class Release(EventBase):
    """One hold ends."""

    type: Literal["release"] = "release"
    hold: Text
    reason: Text


class Void(EventBase):
    """A record is declared wrong; it stays readable (SEMANTICS S13). `acknowledged` lists its
    dependants by record id."""

    type: Literal["void"] = "void"
    record: Text
    reason: Text
    acknowledged: tuple[Text, ...] = Field(default=(), max_length=MAX_INPUTS)


class Master(EventBase):
    """Master data was set (SEMANTICS S22). `data` None takes the entry out of use."""

    type: Literal["master"] = "master"
    kind: Literal["material", "route", "bom", "order", "station"]
    key: Text
    data: dict[str, Any] | None

    @field_validator("data")
    @classmethod
    def _can_be_kept(cls, data: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise ValueError(f"plain JSON: {error}") from error
        return data


class Gap(EventBase):
    """Something is known to be missing: a handshake sequence that jumped, a record FIFO that
    overflowed, a bypassed cycle."""

    type: Literal["gap"] = "gap"
    kind: Literal["handshake", "fifo", "bypass"]
    expected: Count | None = None
    found: Count | None = None
    missing: Count
    note: Text = ""


class Report(EventBase):
    """An answer was issued (SEMANTICS S15): to whom and what for is in `name`. `question` is pinned
    to the time of issue, `known` is the journal position that the answer knows. `digest` is the
    SHA-256 of its canonical bytes, hexadecimal, without what its statement says of the journal
    (`as_known_at`, `data_version`). The record's id is the report's id.
    """

    type: Literal["report"] = "report"
    name: Name
    question: dict[str, Any]
    known: Count
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class Stale(EventBase):
    """An issued report would now be answered differently, because of the record `cause`; `digest`
    is that of the other answer. Recording fills in `name` and `question` of the report; whoever
    books leaves them empty."""

    type: Literal["stale"] = "stale"
    report: Text
    cause: Text
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: Text = ""
    question: dict[str, Any] = Field(default_factory=dict)
