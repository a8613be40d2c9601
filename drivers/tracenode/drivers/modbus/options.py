"""The keys of a `[[devices]]` table whose driver is `modbus`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tracenode.drivers.modbus.addresses import (
    LAST_ADDRESS,
    Address,
    AddressRange,
    parse_address,
    parse_range,
)
from tracenode.drivers.modbus.datatypes import DataType, Order, parse_type
from tracenode.drivers.modbus.endpoint import Endpoint, Framing, parse_endpoint
from tracenode.drivers.modbus.planner import MAX_BITS, MAX_REGISTERS
from tracenode.drivers.modbus.tls import TlsFiles
from tracenode.models.config import DeviceConfig, problems_of
from tracenode.models.errors import ConfigError, ConfigProblem
from tracenode.models.readings import Point, PointType

__all__ = ["GroupOptions", "ModbusOptions", "PointName", "PointOptions", "load_options"]

BITS_PER_REGISTER = 16

T = TypeVar("T")


def _parsed(parse: Callable[[str], T]) -> PlainValidator:
    """A field written as text, or as the plain number it may look like in TOML."""

    def validate(value: object) -> T:
        if isinstance(value, bool | float) or not isinstance(value, str | int):
            raise ValueError("text")
        return parse(str(value))

    return PlainValidator(validate, json_schema_input_type=str)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PointOptions(Section):
    """One value: `{ at = "hr:100", type = "float32", order = "CDAB", unit = "CEL" }`."""

    at: Annotated[Address, _parsed(parse_address)]
    type: Annotated[DataType, _parsed(parse_type)] = Field(default=None, validate_default=True)
    """Where left out: bool for coils and discrete inputs, bit with a bit number, else uint16."""
    order: Order | None = None
    """None: the device's."""
    scale: float = 1.0
    offset: float = 0.0
    """The value is raw * scale + offset."""
    unit: str | None = None
    """UN/ECE Recommendation 20 code of the engineering unit."""
    min: float | None = None
    max: float | None = None
    """Outside them the reading is OutOfRange, not hidden."""
    deadband: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Smaller changes are not delivered."""
    group: str | None = None
    """None: the device's first group."""
    writable: bool = False
    description: str = ""

    @field_validator("type", mode="before")
    @classmethod
    def _usual_type(cls, value: object, info: ValidationInfo) -> object:
        address = info.data.get("at")
        if value is not None or not isinstance(address, Address):
            return "uint16" if value is None else value
        if address.space.bits:
            return "bool"
        return "uint16" if address.bit is None else "bit"

    @field_validator("scale")
    @classmethod
    def _some_scale(cls, scale: float) -> float:
        if scale == 0 or not math.isfinite(scale):
            raise ValueError("a finite number other than 0")
        return scale

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        number = not (self.type.boolean or self.type.text)
        for wrong, expected in (
            (self.at.space.bits and self.type.name != "bool", f"type bool for {self.at}"),
            (
                (self.at.bit is not None) != (self.type.name == "bit"),
                "type bit and an address with a bit number, such as hr:10.3, together",
            ),
            (
                not number and (self.scale != 1 or self.offset or self.deadband),
                f"scale, offset and deadband for numbers only, not {self.type.name}",
            ),
            (
                self.min is not None and self.max is not None and self.min >= self.max,
                "min below max",
            ),
            (
                self.writable and not self.at.space.writable,
                f"writable for hr and co only, not {self.at}",
            ),
        ):
            if wrong:
                raise ValueError(expected)
        return self

    @property
    def width(self) -> int:
        """Registers or bits that it takes."""
        return 1 if self.at.space.bits else self.type.words

    def point(self, name: str) -> Point:
        """What is declared of it before it has a value."""
        scaled = self.scale != 1 or self.offset != 0
        kind = PointType.Double if scaled else self.type.opc
        return Point(name, kind, self.unit, self.min, self.max, self.description)


PointName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class GroupOptions(Section):
    """A poll group: points read at one pace."""

    period_ms: int = Field(default=1000, ge=10, le=3_600_000)
    priority: int = 0
    """Where several groups are due, the one with the highest number goes first."""


class ModbusOptions(Section):
    """A unit on a Modbus line."""

    unit: int = Field(default=1, ge=0, le=255)
    base: int = Field(default=0, ge=0, le=LAST_ADDRESS)
    """Added to every register address of points and `readable`."""
    base_bits: int = Field(default=0, ge=0, le=LAST_ADDRESS)
    """Added to every coil and discrete input address."""
    order: Order = Order.ABCD
    tls: TlsFiles | None = None
    """For a link that begins with tls:// alone."""
    timeout_ms: int = Field(default=500, ge=10, le=60_000)
    """From the end of the request; the time on a serial wire is added."""
    probe_ms: int = Field(default=5000, ge=100, le=600_000)
    """How often a unit that does not answer is asked."""
    max_registers: int = Field(default=MAX_REGISTERS, ge=1, le=MAX_REGISTERS)
    """Of one read; some devices take less than the specification."""
    max_bits: int = Field(default=MAX_BITS, ge=1, le=MAX_BITS)
    max_gap: int = Field(default=16, ge=0, le=MAX_REGISTERS)
    """Unused registers between two values that are read along rather than asked apart."""
    readable: tuple[Annotated[AddressRange, _parsed(parse_range)], ...] = ()
    """What the device lets be read, such as "hr:0-199"; a read never leaves one such range. A
    space without a range is readable throughout, as far as the device does not refuse."""
    groups: dict[str, GroupOptions] = Field(default={"default": GroupOptions()}, min_length=1)
    points: dict[PointName, PointOptions]
    points_csv: str = Field(default="", min_length=1)
    """A file of further points, relative to the configuration: see `point_table`."""

    def address(self, point: PointOptions) -> int:
        """Where the point is in the device, the base included."""
        return point.at.number + (self.base_bits if point.at.space.bits else self.base)

    def group_of(self, point: PointOptions) -> str:
        return point.group or next(iter(self.groups))


def load_options(device: DeviceConfig, at: str = "") -> tuple[Endpoint, ModbusOptions]:
    """Check link and keys of a device; `at` is its path in the file, such as `devices[2]`.

    Raises:
        ConfigError: every fault.
    """
    problems: list[ConfigProblem] = []
    endpoint: Endpoint | None = None
    options: ModbusOptions | None = None
    prefix = f"{at}." if at else ""
    try:
        endpoint = parse_endpoint(device.link)
    except ValueError as error:
        problems.append(ConfigProblem(f"{prefix}link", repr(device.link), str(error)))
    try:
        options = ModbusOptions.model_validate(device.options)
    except ValidationError as error:
        problems += problems_of(error, ModbusOptions, at)
    if options is not None:
        problems += _cross_problems(options, endpoint, prefix)
    if problems or endpoint is None or options is None:
        raise ConfigError(device.id, problems)
    return replace(endpoint, tls=options.tls), options


def _cross_problems(
    options: ModbusOptions, endpoint: Endpoint | None, prefix: str
) -> Iterator[ConfigProblem]:
    """What only shows between keys."""
    rtu = endpoint is not None and not endpoint.framing.transactions
    # MODBUS over serial line V1.02, 2.2: 0 is the broadcast, 248-255 are reserved.
    if rtu and not 1 <= options.unit <= 247:
        yield ConfigProblem(f"{prefix}unit", str(options.unit), "1 to 247 on an RTU line")
    if endpoint is not None and (endpoint.framing is Framing.Tls) != (options.tls is not None):
        found = "tls" if options.tls else "no tls"
        yield ConfigProblem(f"{prefix}tls", found, "tls and a link tls://host together")
    for name, point in options.points.items():
        where = f"{prefix}points.{name}"
        if point.group is not None and point.group not in options.groups:
            known = ", ".join(options.groups)
            yield ConfigProblem(f"{where}.group", repr(point.group), f"one of {known}")
        if problem := _place_problem(options, point):
            found, expected = problem
            yield ConfigProblem(f"{where}.at", found, expected)


def _place_problem(options: ModbusOptions, point: PointOptions) -> tuple[str, str] | None:
    first = options.address(point)
    last = first + point.width - 1
    found = str(point.at) + (f"-{point.at.number + point.width - 1}" if point.width > 1 else "")
    if last > LAST_ADDRESS:
        return found, f"addresses up to {LAST_ADDRESS}, the base included"
    if not point.at.space.bits and point.width > options.max_registers:
        return found, f"at most max_registers = {options.max_registers} registers"
    ranges = [r for r in options.readable if r.space is point.at.space]
    number = point.at.number
    if ranges and not any(r.first <= number and number + point.width - 1 <= r.last for r in ranges):
        return found, f"an address inside readable: {', '.join(map(str, ranges))}"
    return None
