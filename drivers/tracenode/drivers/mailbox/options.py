"""The keys of a device's `mailbox` table."""

from __future__ import annotations

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tracenode.drivers.mailbox.layout import AREA_B_SIZE, MAX_MEASUREMENTS, Layout
from tracenode.drivers.modbus.addresses import LAST_ADDRESS

__all__ = ["MailboxOptions"]

SLOWEST_POLL_MS: Final = 5000


class MailboxOptions(BaseModel):
    """A station's register mailbox: `mailbox = { station_number = 10, base_b = 400 }`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    station_number: int = Field(ge=1, le=0xFFFF)
    """What the controller must have at A+4."""
    base_a: int = Field(default=0, ge=0, le=LAST_ADDRESS)
    """Holding register, zero-based, where area A begins; a device's `base` is not added."""
    base_b: int = Field(ge=0, le=LAST_ADDRESS)
    unit: int | None = Field(default=None, ge=0, le=255)
    """Modbus unit of the areas; None: the device's."""
    measurements: int = Field(default=0, ge=0, le=MAX_MEASUREMENTS)
    """Places for measurements in area A; they fix its length."""
    crc: bool = True
    """The controller computes A's check value."""
    low_word_first: bool = False
    """The controller keeps 32-bit values with their least significant word first."""
    poll_ms: int = Field(default=30, ge=5, le=SLOWEST_POLL_MS)
    """Pause between two looks at the sequence."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for name, base, size in (
            ("base_a", self.base_a, self.layout.size),
            ("base_b", self.base_b, AREA_B_SIZE),
        ):
            if base + size > LAST_ADDRESS + 1:
                raise ValueError(f"{name} up to {LAST_ADDRESS + 1 - size}: the area has {size}")
        ends_a, ends_b = self.base_a + self.layout.size, self.base_b + AREA_B_SIZE
        if self.base_a < ends_b and self.base_b < ends_a:
            raise ValueError(
                f"areas apart: A is hr:{self.base_a}-{ends_a - 1}, B hr:{self.base_b}-{ends_b - 1}"
            )
        return self

    @property
    def layout(self) -> Layout:
        return Layout(self.measurements, self.crc, self.low_word_first)
