"""Scales from the configuration."""

from __future__ import annotations

from tracenode.drivers.link import opener
from tracenode.drivers.scale.driver import Scale
from tracenode.drivers.scale.options import ScaleOptions
from tracenode.drivers.scanner.configured import Claims, reader_settings
from tracenode.models.config import DeviceConfig

__all__ = ["configured_scale"]


def configured_scale(config: DeviceConfig, claims: Claims, at: str = "") -> Scale:
    """Make the driver of a configured scale; touches no hardware.

    Raises:
        ConfigError: every fault of its link and keys.
    """
    spec, options = reader_settings(config, ScaleOptions, claims, at)
    return Scale(config.id, opener(spec), options)
