"""The configuration: one TOML file, validated whole with every fault at once.

Keys of a `[[devices]]` table beyond those named here belong to its driver, which checks them with a
model of its own (`problems_of` words their faults alike).
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from tracenode.models.channels import (
    CURRENT,
    EXAMPLE_URL,
    EndpointUrl,
    HostName,
    ReachableUrl,
    SecurityName,
)
from tracenode.models.errors import BadSetting, ConfigError, ConfigProblem
from tracenode.models.faults import expected_of
from tracenode.models.nameplates import Nameplate
from tracenode.models.permissions import Permissions
from tracenode.models.roles import Role, roles_of

__all__ = [
    "DEFAULT_ENDPOINT",
    "Config",
    "ConsumersConfig",
    "DeviceConfig",
    "OpcUaConfig",
    "SiteConfig",
    "StationConfig",
    "StoreConfig",
    "parse_config",
    "problems_of",
    "sound_devices",
]

DEFAULT_ENDPOINT: Final = EXAMPLE_URL

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
"""A configuration key: it becomes part of NodeIds, so it never changes while clients know it."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SiteConfig(Section):
    """The site is part of the instance namespace and of every record's origin."""

    id: Key
    name: str = ""


class StoreConfig(Section):
    """The database file; a relative path is relative to the configuration file."""

    path: str = Field(default="tracenode.db", min_length=1)
    local_disk: bool = True
    """False on network or removable disks: no memory mapping there."""
    reading_processes: int = Field(default=1, ge=0, le=8)
    """How many processes answer questions about much of the store; 0: the server does."""


class OpcUaConfig(Section):
    """The OPC UA server."""

    endpoint: EndpointUrl = DEFAULT_ENDPOINT
    endpoint_urls: tuple[ReachableUrl, ...] = ()
    """By which clients reach the server, where that is not `endpoint`: behind NAT, say."""
    aliases: tuple[HostName, ...] = ()
    """Further host names and addresses of the server, for its certificate and for discovery."""
    application_uri: str = Field(default="", max_length=500, pattern=r"^([A-Za-z][\w+.-]*:\S+)?$")
    """In the certificate, too; urn:tracenode:SITE where empty."""
    security: tuple[SecurityName, ...] = Field(default=CURRENT, min_length=1)
    pki: str = Field(default="pki", min_length=1)
    """The folder of certificates; relative to the configuration file."""
    anonymous: bool = False
    """Whether clients come in without a user; then they have `anonymous_roles`."""
    anonymous_roles: tuple[str, ...] = ("Observer",)
    users: str = Field(default="users.json", min_length=1)
    """The file of users; relative to the configuration file, as the two after it."""
    users_pki: str = Field(default="users-pki", min_length=1)
    """The folder of certificates that users may show: trusted, issuers and revocation lists."""
    audit: str = "audit"
    """The folder of the audit trail; empty for none."""
    audit_mb: int = Field(default=64, ge=1, le=100_000)
    """Megabytes that the audit trail may take; its oldest entries go first."""
    permissions: dict[str, tuple[str, ...]] = {}
    """Roles by group or method, in place of the table of `models.permissions`."""
    refusal_status_code: Literal["Good", "Uncertain"] = "Good"
    fast_lane: bool = True
    """Whether what is asked most is answered from bytes; the answers are the same without."""
    companions: tuple[Literal["DI", "AutoID"], ...] = ()
    """Companion models that come with the product; their order gives their namespace indexes."""
    nodesets: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """NodeSet2 files of the plant, loaded too; relative to the configuration file."""

    @property
    def anonymous_role(self) -> Role | None:
        """The roles of who gives no name; None where nobody gets in so."""
        return roles_of(self.anonymous_roles) if self.anonymous else None

    @property
    def permission_table(self) -> Permissions:
        """Who may do what."""
        return Permissions({name: roles_of(roles) for name, roles in self.permissions.items()})

    @field_validator("anonymous_roles")
    @classmethod
    def _are_roles(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        roles_of(roles)
        return roles

    @field_validator("permissions")
    @classmethod
    def _are_permissions(cls, given: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        Permissions({name: roles_of(roles) for name, roles in given.items()})
        return given


class ConsumersConfig(Section):
    """When a registered consumer of the log counts as lagging: past either."""

    lag_records: int = Field(default=100_000, ge=1)
    """Records it has not acknowledged."""
    lag_hours: float = Field(default=24.0, gt=0, le=8784)
    """How long the oldest of them waits."""


class AlarmsConfig(Section):
    """When an alarm is raised."""

    disk_low_mb: int = Field(default=1_000, ge=0, le=100_000_000)
    """Free megabytes on the disk of the database below which somebody must know; 0: never."""


class StationConfig(Section):
    """A place where items are identified, changed or checked.

    The number tables translate what a PLC can say (numbers) into what people read.
    """

    id: Key
    path: Annotated[str, Field(pattern=r"^[^/]+(/[^/]+)*$", max_length=200)]
    """Equipment path by ISA-95 level, such as "Plant1/Hall2/Line3"."""
    name: str = ""
    step: str = ""
    """Process step; the station's id where empty."""
    variable_mailbox: bool = True
    """Whether it has the mailbox of variables, for clients that can't call methods."""
    on_scan: Literal["observe", "start"] = "observe"
    """What a good scan of the station's readers books: that it was read, or a check-in."""
    positions: dict[int, str] = {}
    failure_codes: dict[int, str] = {}
    operators: dict[int, str] = {}
    recipes: dict[int, str] = {}
    steps: dict[int, str] = {}
    measurements: dict[int, str] = {}

    @field_validator("path")
    @classmethod
    def _browseable(cls, path: str) -> str:
        for part in path.split("/"):
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}", part):
                raise ValueError("folders of letters, digits, space, _ and -, parted by /")
        return path


class DeviceConfig(BaseModel):
    """A device; `options` are the keys that its driver checks."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: Key
    driver: str = Field(min_length=1)
    link: str = Field(min_length=1)
    station: str = ""
    enabled: bool = True
    stale_after_s: float = Field(default=10.0, gt=0, le=3600)
    nameplate: Nameplate = Nameplate()
    """What stands on it."""

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Config(Section):
    """The whole file."""

    site: SiteConfig
    store: StoreConfig = StoreConfig()
    opcua: OpcUaConfig = OpcUaConfig()
    consumers: ConsumersConfig = ConsumersConfig()
    alarms: AlarmsConfig = AlarmsConfig()
    stations: tuple[StationConfig, ...] = ()
    devices: tuple[DeviceConfig, ...] = ()
    profiles: dict[str, dict[str, Any]] = {}


def parse_config(text: str, source: str) -> Config:
    """Read a configuration.

    Raises:
        ConfigError: every fault: TOML syntax, unknown keys with the nearest known one, wrong
            values, duplicate ids, references to stations or profiles that do not exist.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, [ConfigProblem("(file)", str(error), "valid TOML")]) from error
    problems: list[ConfigProblem] = []
    devices = data.get("devices")
    profiles = data.get("profiles")
    if isinstance(devices, list) and isinstance(profiles, dict):
        data["devices"] = list(_with_profiles(devices, profiles, problems))
    problems += _cross_check(data)
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(source, [*problems_of(error, Config), *problems]) from error
    if problems:
        raise ConfigError(source, problems)
    return config


def sound_devices(text: str) -> tuple[list[StationConfig], list[tuple[int, DeviceConfig]]]:
    """Return the stations and the devices, with their place in the file, that are sound in
    themselves whatever else is wrong, so that a driver can speak up about its keys beside the
    faults of `parse_config`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return [], []
    tables = data.get("stations")
    stations: list[StationConfig] = []
    for table in tables if isinstance(tables, list) else ():
        with contextlib.suppress(ValidationError):
            stations.append(StationConfig.model_validate(table))
    tables, profiles = data.get("devices"), data.get("profiles")
    if isinstance(tables, list) and isinstance(profiles, dict):
        tables = list(_with_profiles(tables, profiles, []))
    devices: list[tuple[int, DeviceConfig]] = []
    for index, table in enumerate(tables if isinstance(tables, list) else ()):
        with contextlib.suppress(ValidationError):
            devices.append((index, DeviceConfig.model_validate(table)))
    return stations, devices


def _with_profiles(
    devices: list[Any], profiles: dict[str, Any], problems: list[ConfigProblem]
) -> Iterator[Any]:
    """Lay each device's own keys over those of its profile."""
    for index, device in enumerate(devices):
        if not isinstance(device, dict) or "profile" not in device:
            yield device
            continue
        name = device["profile"]
        own = {key: value for key, value in device.items() if key != "profile"}
        base = profiles.get(name)
        if not isinstance(base, dict):
            known = ", ".join(profiles) or "none is defined"
            problems.append(
                ConfigProblem(f"devices[{index}].profile", repr(name), f"a profile ({known})")
            )
            base = {}
        yield {**base, **own}


def _cross_check(data: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    """Find duplicate ids and references to nothing; on raw data, so that it can speak up beside
    whatever else is wrong."""
    tables = {
        kind: [
            (i, table) for i, table in enumerate(data.get(kind) or ()) if isinstance(table, dict)
        ]
        for kind in ("stations", "devices")
        if isinstance(data.get(kind), list)
    }
    seen: dict[str, str] = {}
    for kind, rows in tables.items():
        for index, table in rows:
            key, path = str(table.get("id", "")), f"{kind}[{index}].id"
            if key and key.casefold() in seen:
                taken = seen[key.casefold()]
                yield ConfigProblem(path, repr(key), f"an id that is not used yet (see {taken})")
            seen[key.casefold()] = path
    stations = [str(table.get("id", "")) for _, table in tables.get("stations", ())]
    for index, table in tables.get("devices", ()):
        station = table.get("station", "")
        if station and station not in stations:
            near = get_close_matches(str(station), stations, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            yield ConfigProblem(
                f"devices[{index}].station", repr(station) + hint, "the id of a station"
            )


def problems_of(
    error: ValidationError, model: type[BaseModel], at: str = ""
) -> Iterator[ConfigProblem]:
    """Word the faults of a validation: path, what was found, what is allowed.

    `at` is the path of the validated table in the file, such as `devices[2]`.
    """
    for detail in error.errors(include_url=False):
        path = _path(detail["loc"], at)
        if detail["type"] == "extra_forbidden":
            known = _known_keys(model, detail["loc"][:-1])
            near = get_close_matches(str(detail["loc"][-1]), known, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            yield ConfigProblem(path, f"unknown key{hint}", f"one of {', '.join(sorted(known))}")
        elif detail["type"] == "missing":
            yield ConfigProblem(path, "nothing", "a value: the key is required")
        else:
            yield ConfigProblem(path, _short(detail["input"]), _expected(detail))


def _path(loc: tuple[int | str, ...], at: str) -> str:
    path = at
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return path or "(file)"


def _expected(detail: ErrorDetails) -> str:
    error = (detail.get("ctx") or {}).get("error")
    return error.expected if isinstance(error, BadSetting) else expected_of(detail)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are allowed where an unknown one was found."""
    found: type[BaseModel] = model
    for step in loc:
        if isinstance(step, int) or step not in found.model_fields:
            continue
        inner = _inner_model(found.model_fields[step].annotation)
        if inner is not None:
            found = inner
    return [field.alias or name for name, field in found.model_fields.items()]


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if (inner := _inner_model(part)) is not None:
            return inner
    return None
