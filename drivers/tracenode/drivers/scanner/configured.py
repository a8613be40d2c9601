"""Readers from the configuration."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from tracenode.drivers.link import LinkSpec, ListenSpec, UrlSpec, opener, parse_link
from tracenode.drivers.scanner.interpreter import ScanInterpreter
from tracenode.drivers.scanner.options import ScannerOptions
from tracenode.drivers.scanner.reader import Reader
from tracenode.models.config import DeviceConfig, problems_of
from tracenode.models.errors import BadSetting, ConfigError, ConfigProblem

__all__ = ["Claims", "configured_scanner", "reader_settings"]

Claims: TypeAlias = MutableMapping[str, str]
"""Physical endpoint -> the device that has it; a reader shares its wire with nobody."""

O = TypeVar("O", bound=BaseModel)  # noqa: E741


def configured_scanner(config: DeviceConfig, claims: Claims, at: str = "") -> Reader:
    """Make the driver of a configured scanner; touches no hardware.

    Raises:
        ConfigError: every fault of its link and keys.
    """
    spec, options = reader_settings(config, ScannerOptions, claims, at)
    return Reader(config.id, opener(spec), options, ScanInterpreter(config.id, options))


def reader_settings(
    config: DeviceConfig, model: type[O], claims: Claims, at: str = ""
) -> tuple[LinkSpec, O]:
    """Check link and keys of a reader; `at` is its path in the file, such as `devices[2]`.

    Raises:
        ConfigError: every fault, or a link that another reader has.
    """
    problems: list[ConfigProblem] = []
    spec: LinkSpec | None = None
    options: O | None = None
    where = f"{at}.link" if at else "link"
    try:
        spec = parse_link(config.link)
    except BadSetting as e:
        problems.append(ConfigProblem(where, e.found, e.expected))
    try:
        options = model.model_validate(config.options)
    except ValidationError as e:
        problems += problems_of(e, model, at)
    if spec is not None and _physical(spec):
        owner = claims.setdefault(spec.endpoint, config.id)
        if owner != config.id:
            found = f"{config.link!r}, which {owner} has"
            problems.append(ConfigProblem(where, found, "a link of its own"))
    if problems or spec is None or options is None:
        raise ConfigError(config.id, problems)
    return spec, options


def _physical(spec: LinkSpec) -> bool:
    """Whether two devices on this endpoint would be on one wire."""
    match spec:
        case UrlSpec(url):
            return not url.startswith("loop:")
        case ListenSpec(port=0):
            return False
        case _:
            return True
