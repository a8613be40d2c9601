"""The keys of a `[[devices]]` table whose driver is `opcua`."""

from __future__ import annotations

from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator

from tracenode.drivers.mailbox.layout import MAX_MEASUREMENTS, Layout
from tracenode.drivers.opcua.node_names import NodeReference
from tracenode.drivers.secret import SecretReference, withheld
from tracenode.models.channels import SecurityName
from tracenode.models.config import DeviceConfig, problems_of
from tracenode.models.errors import BadSetting, ConfigError, ConfigProblem
from tracenode.models.readings import Point, PointType

__all__ = ["AreaOptions", "NodeOptions", "OpcUaOptions", "load_options", "parse_endpoint"]

DEFAULT_PORT: Final = 4840
EXPECTED_LINK: Final = "opc.tcp://HOST:PORT/PATH, without user and password"


def _type(value: object) -> PointType:
    if not isinstance(value, str) or value not in PointType.__members__:
        raise BadSetting(f"one of {', '.join(PointType.__members__)}", repr(value))
    return PointType[value]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NodeOptions(Section):
    """One value: `{ node = "ns=3;s=Press.Force", type = "Double", unit = "NEW" }`."""

    node: NodeReference
    type: Annotated[PointType, PlainValidator(_type, json_schema_input_type=str)]
    """Exactly what the server gives; a value of another type is not shown as good."""
    index: int | None = Field(default=None, ge=0)
    """Which element, from 0, where the node is an array of `type`."""
    sampling_ms: int | None = Field(default=None, ge=0, le=3_600_000)
    """How often the server looks at it, 0: as fast as it can; None: once a publishing interval."""
    unit: str | None = None
    """UN/ECE Recommendation 20 code of the engineering unit."""
    min: float | None = None
    max: float | None = None
    """Outside them a Good reading is OutOfRange, not hidden."""
    writable: bool = False
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        limited = self.min is not None or self.max is not None
        if limited and self.type in {PointType.Boolean, PointType.String}:
            raise ValueError(f"min and max for numbers only, not {self.type.name}")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError("min below max")
        return self

    @property
    def index_range(self) -> str | None:
        """The element as a service has it (OPC 10000-4 7.27)."""
        return None if self.index is None else str(self.index)

    def point(self, name: str) -> Point:
        """What is declared of it before it has a value."""
        return Point(name, self.type, self.unit, self.min, self.max, self.description)


class AreaOptions(Section):
    """The handshake over two arrays: `mailbox = { station_number = 10, area_a = ..., ... }`."""

    station_number: int = Field(ge=1, le=0xFFFF)
    """What the controller must have at A+4."""
    area_a: NodeReference
    """Array of UInt16 that the controller writes, of the layout's length at least."""
    area_b: NodeReference
    """Array of UInt16 that the server writes."""
    measurements: int = Field(default=0, ge=0, le=MAX_MEASUREMENTS)
    crc: bool = True
    low_word_first: bool = False
    poll_ms: int = Field(default=50, ge=5, le=5000)
    """Pause between two looks at the sequence."""

    @property
    def layout(self) -> Layout:
        return Layout(self.measurements, self.crc, self.low_word_first)


class OpcUaOptions(Section):
    """A server and the nodes that are read from it."""

    security: SecurityName
    """Policy and mode; no default, so that None is somebody's decision."""
    certificate: str = ""
    """File of our certificate, DER or PEM; relative to the configuration file, as the next two."""
    key: str = ""
    """File of its private key, without a passphrase."""
    server_certificate: str = ""
    """File of the server's certificate; no other one is talked to."""
    user: str = ""
    password: SecretReference | None = None
    publishing_ms: int = Field(default=250, ge=10, le=600_000)
    """How often the server sends what is new."""
    timeout_ms: int = Field(default=4000, ge=100, le=60_000)
    """Of one request."""
    mailbox: AreaOptions | None = None
    points: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")], NodeOptions]

    @property
    def secured(self) -> bool:
        return self.security != "None"


def parse_endpoint(link: str) -> str:
    """Return the endpoint's URL with its port.

    Raises:
        BadSetting: it is none.
    """
    parts = urlsplit(link)
    try:
        port = parts.port or DEFAULT_PORT
    except ValueError:
        port = 0
    if parts.scheme != "opc.tcp" or not parts.hostname or not port or "@" in parts.netloc:
        shown = f"{parts.scheme}://...@{parts.hostname}" if "@" in parts.netloc else link
        raise BadSetting(EXPECTED_LINK, repr(shown))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"opc.tcp://{host}:{port}{parts.path}"


def load_options(device: DeviceConfig, at: str = "") -> tuple[str, OpcUaOptions]:
    """Check link and keys of a device; `at` is its path in the file, such as `devices[2]`.

    Raises:
        ConfigError: every fault.
    """
    problems: list[ConfigProblem] = []
    prefix = f"{at}." if at else ""
    endpoint = ""
    options: OpcUaOptions | None = None
    try:
        endpoint = parse_endpoint(device.link)
    except BadSetting as error:
        problems.append(ConfigProblem(f"{prefix}link", error.found, error.expected))
    table = withheld(device.options, "password")
    if "mailbox" in table:
        table.setdefault("points", {})
    try:
        options = OpcUaOptions.model_validate(table)
    except ValidationError as error:
        problems += problems_of(error, OpcUaOptions, at)
    if options is not None:
        problems += _security_problems(options, prefix)
    if problems or options is None:
        raise ConfigError(device.id, problems)
    return endpoint, options


def _security_problems(options: OpcUaOptions, prefix: str) -> list[ConfigProblem]:
    problems: list[ConfigProblem] = []
    for key in ("certificate", "key", "server_certificate"):
        given = getattr(options, key)
        if options.secured and not given:
            expected = f"a file: {options.security} needs it"
            problems.append(ConfigProblem(prefix + key, "nothing", expected))
        if given and not options.secured:
            expected = "a security other than None, or none of these files"
            problems.append(ConfigProblem(prefix + key, repr(given), expected))
    if options.user and not options.secured:
        expected = "a security other than None: without it a password can be read on the way"
        problems.append(ConfigProblem(f"{prefix}user", repr(options.user), expected))
    if bool(options.user) != (options.password is not None):
        problems.append(
            ConfigProblem(f"{prefix}password", "one of the two", "user and password together")
        )
    return problems
