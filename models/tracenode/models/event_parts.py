"""What trace events are made of: bounds of their texts, and the fields that all of them share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from tracenode.models.evaluation import Evaluation
from tracenode.models.quantities import Quantity

__all__ = [
    "MAX_INPUTS",
    "MAX_REFERENCE",
    "Amount",
    "AtStation",
    "Count",
    "EventBase",
    "Frozen",
    "Measurement",
    "Moment",
    "Name",
    "Output",
    "Portion",
    "Reference",
    "Share",
    "Text",
    "Window",
]

MAX_FIELD: Final = 254
"""Characters of a free text: the default WSTRING of an S7 controller."""
MAX_REFERENCE: Final = 4096
"""Characters of an item reference. Over-long ids must reach the journal to be refused there."""
MAX_INPUTS: Final = 10_000

Text = Annotated[str, Field(max_length=MAX_FIELD)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_FIELD)]
Reference = Annotated[str, Field(max_length=MAX_REFERENCE)]


MAX_INTEGER: Final = 2**63 - 1
"""What a column of the store holds."""


def _in_calendar(moment: datetime) -> datetime:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time in the years 1 to 9999 of UTC") from None
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_calendar)]
"""An instant that can be told in UTC."""
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]


def _not_negative(quantity: Quantity) -> Quantity:
    if quantity.mantissa < 0:
        raise ValueError(f"a quantity from 0 on, not {quantity}")
    return quantity


Amount = Annotated[Quantity, AfterValidator(_not_negative)]
"""How much went in or came out. Giving back is a correction, never a negative amount."""


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measurement(Frozen):
    """One measured value of an operation."""

    name: Text
    value: float | None = Field(default=None, allow_inf_nan=False)
    text: Text = ""
    unit: Text = ""
    low: float | None = Field(default=None, allow_inf_nan=False)
    high: float | None = Field(default=None, allow_inf_nan=False)
    evaluation: Evaluation = Evaluation.Undefined


class Portion(Frozen):
    """An item that goes in, and how much of it; None is unknown, never 0."""

    item: Reference
    quantity: Amount | None = None


class Output(Frozen):
    """An item that a transformation makes: `item` is its new number, `material` what it is."""

    item: Reference
    material: Text
    quantity: Amount | None = None


class Share(Frozen):
    """Which input went into which output (SEMANTICS S11); indexes from 0."""

    output: int = Field(ge=0)
    input: int = Field(ge=0)
    quantity: Amount | None = None


class Window(Frozen):
    """A time at a station: from `since`, before `until`; None is open."""

    station: Name
    since: Moment | None = None
    until: Moment | None = None

    @model_validator(mode="after")
    def _is_no_contradiction(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(f"an end after {self.since.isoformat()}, not {self.until.isoformat()}")
        return self


class EventBase(Frozen):
    """What every event says. `event_time` None means: when the server hears of it (and is
    recorded as such); `source_seq` is the order at the device."""

    event_time: Moment | None = None
    station: Text = Field(default="", validate_default=True)
    device: Text = ""
    source_seq: Count | None = None
    operator: Text = ""
    tool: Text = ""
    order: Text = ""
    placeholders: tuple[Reference, ...] = ()
    """Public ids of items that recording makes, standing in for what nobody registered (SEMANTICS
    S16). Whoever books leaves it empty."""


class AtStation(EventBase):
    """An event that can only happen at a station."""

    @field_validator("station")
    @classmethod
    def _is_given(cls, station: str) -> str:
        if not station:
            raise ValueError("the station where it happened")
        return station
