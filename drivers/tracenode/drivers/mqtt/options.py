"""The keys of a `[[devices]]` table whose driver is `mqtt`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.functional_validators import PlainValidator

from tracenode.drivers.codes import Decoding
from tracenode.drivers.modbus.tls import TlsFiles
from tracenode.drivers.mqtt.payloads import JsonPointer
from tracenode.drivers.mqtt.topics import Topic, TopicFilter, overlap
from tracenode.drivers.scanner.options import ScannerOptions
from tracenode.drivers.secret import SecretReference, withheld
from tracenode.drivers.telegram import NOREAD_PATTERNS
from tracenode.models.config import DeviceConfig, problems_of
from tracenode.models.errors import BadSetting, ConfigError, ConfigProblem
from tracenode.models.readings import Point, PointType

__all__ = [
    "Availability",
    "MqttOptions",
    "ScanTopic",
    "TopicPoint",
    "load_options",
    "parse_broker",
]

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
EXPECTED_LINK: Final = "mqtt://HOST:PORT or mqtts://HOST:PORT, without user and password"
CLIENT_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$"


def _type(value: object) -> PointType:
    if not isinstance(value, str) or value not in PointType.__members__:
        raise BadSetting(f"one of {', '.join(PointType.__members__)}", repr(value))
    return PointType[value]


def _printable(text: str) -> str:
    if not text or "\0" in text:
        raise BadSetting("a text", repr(text))
    return text


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Payload(Section):
    """How a payload is read."""

    payload: Literal["text", "json"] = "text"
    path: JsonPointer = ""
    """Where in a JSON document; empty: it is the document."""
    time: JsonPointer = ""
    """Where in a JSON document its time stands; empty: the time of arrival counts."""

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.payload == "text" and (self.path or self.time):
            raise ValueError('path and time with payload = "json" only')
        return self


class TopicPoint(_Payload):
    """One value: `{ topic = "press/force", type = "Double", payload = "json", path = "/v" }`."""

    topic: Topic
    type: Annotated[PointType, PlainValidator(_type, json_schema_input_type=str)]
    max_age_s: float = Field(default=0, ge=0, le=86_400)
    """Silence after which its value is no longer fresh; 0: never, it is published on change."""
    trust_retained: bool = False
    """Whether what the broker kept is shown as good: its publisher keeps it true there."""
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        limited = self.min is not None or self.max is not None
        if limited and self.type in {PointType.Boolean, PointType.String}:
            raise ValueError(f"min and max for numbers only, not {self.type.name}")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError("min below max")
        return self

    def point(self, name: str) -> Point:
        """What is declared of it before it has a value."""
        return Point(name, self.type, self.unit, self.min, self.max, self.description)


class ScanTopic(_Payload):
    """Scans: `{ topic = "line1/+/scan", payload = "json", path = "/code", time = "/at" }`."""

    topic: TopicFilter
    id: JsonPointer = ""
    """Where in a JSON document the publisher names this very scan; by it, it is booked once."""
    encoding: Literal["utf-8", "ascii", "latin-1"] = "utf-8"
    """Of a plain text; JSON is UTF-8."""
    decode: Decoding = Decoding.Auto
    max_length: int = Field(default=4096, ge=1, le=65_536)
    """Bytes of a payload."""
    duplicate_ms: int = Field(default=0, ge=0, le=3_600_000)
    noread: tuple[str, ...] = NOREAD_PATTERNS

    @property
    def scanner(self) -> ScannerOptions:
        """The same as a scanner has it: codes, duplicates and NOREAD are read alike."""
        return ScannerOptions(
            encoding="utf-8" if self.payload == "json" else self.encoding,
            duplicate_ms=self.duplicate_ms,
            noread=self.noread,
            decode=self.decode,
        )

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.id and self.payload == "text":
            raise ValueError('id with payload = "json" only')
        try:
            _ = self.scanner
        except ValidationError as error:
            raise ValueError("noread of regular expressions") from error
        return self


class Availability(Section):
    """Where the publisher says whether it is there, its last will as a rule."""

    topic: Topic
    online: Annotated[str, AfterValidator(_printable)] = "online"
    offline: Annotated[str, AfterValidator(_printable)] = "offline"


class MqttOptions(Section):
    """A broker and the topics that are read from it."""

    client_id: str = Field(pattern=CLIENT_ID)
    """Unique at the broker, for ever the same: under it the broker keeps what we have missed."""
    version: Literal["5", "3.1.1"] = "5"
    user: str = ""
    password: SecretReference | None = None
    tls: TlsFiles | None = None
    keep_alive_s: int = Field(default=10, ge=2, le=3600)
    session_expiry_h: int = Field(default=168, ge=1, le=8784)
    """How long a broker of version 5 keeps for us what we have missed."""
    availability: Availability | None = None
    scans: tuple[ScanTopic, ...] = ()
    points: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")], TopicPoint
    ] = {}

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if not self.scans and not self.points:
            raise ValueError("scans, points or both")
        return self

    @property
    def state_topics(self) -> Sequence[str]:
        """The topics of points and of availability, each once."""
        topics = dict.fromkeys(point.topic for point in self.points.values())
        if self.availability is not None:
            topics[self.availability.topic] = None
        return list(topics)


def parse_broker(link: str) -> tuple[str, int, bool]:
    """Return host, port, and whether it is TLS.

    Raises:
        BadSetting: it is no such link.
    """
    parts = urlsplit(link)
    try:
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    more = parts.path.strip("/") or parts.query or parts.fragment
    if not port or not parts.hostname or more or "@" in parts.netloc:
        shown = f"{parts.scheme}://...@{parts.hostname}" if "@" in parts.netloc else link
        raise BadSetting(EXPECTED_LINK, repr(shown))
    if parts.scheme not in PORTS:
        raise BadSetting(EXPECTED_LINK, repr(link))
    return parts.hostname, port, parts.scheme == "mqtts"


def load_options(device: DeviceConfig, at: str = "") -> tuple[tuple[str, int], MqttOptions]:
    """Check link and keys of a device; `at` is its path in the file, such as `devices[2]`.

    Raises:
        ConfigError: every fault.
    """
    problems: list[ConfigProblem] = []
    prefix = f"{at}." if at else ""
    host, port, secured = "", 0, None
    options: MqttOptions | None = None
    try:
        host, port, secured = parse_broker(device.link)
    except BadSetting as error:
        problems.append(ConfigProblem(f"{prefix}link", error.found, error.expected))
    try:
        options = MqttOptions.model_validate(withheld(device.options, "password"))
    except ValidationError as error:
        problems += problems_of(error, MqttOptions, at)
    if options is not None:
        problems += _cross_problems(options, secured, prefix)
    if problems or options is None:
        raise ConfigError(device.id, problems)
    return (host, port), options


def _cross_problems(
    options: MqttOptions, secured: bool | None, prefix: str
) -> Iterator[ConfigProblem]:
    """What only shows between keys."""
    if secured is not None and secured != (options.tls is not None):
        found = "none" if options.tls is None else "a table"
        yield ConfigProblem(f"{prefix}tls", found, "mqtts:// and tls together, or neither")
    if options.tls is not None and options.tls.server_name:
        expected = "none: the host of the link is the name that the certificate must have"
        yield ConfigProblem(f"{prefix}tls.server_name", repr(options.tls.server_name), expected)
    if bool(options.user) != (options.password is not None):
        yield ConfigProblem(f"{prefix}password", "one of the two", "user and password together")
    filters = [(f"scans[{i}].topic", scan.topic) for i, scan in enumerate(options.scans)]
    for place, (where, wanted) in enumerate(filters):
        for other, taken in filters[:place]:
            if overlap(wanted, taken):
                expected = f"topics that {other} ({taken}) does not take too"
                yield ConfigProblem(prefix + where, repr(wanted), expected)
        for topic in options.state_topics:
            if overlap(wanted, topic):
                expected = f"topics of scans only; {topic} is that of a point or of availability"
                yield ConfigProblem(prefix + where, repr(wanted), expected)
