"""From a `[[devices]]` table with driver `mqtt` to its driver."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import TypeAlias

from tracenode.drivers.mqtt.options import load_options
from tracenode.drivers.mqtt.source import MqttSource
from tracenode.models.config import DeviceConfig
from tracenode.models.errors import ConfigError, ConfigProblem

__all__ = ["ClientIds", "configured_mqtt"]

ClientIds: TypeAlias = MutableMapping[tuple[str, int, str], str]
"""Broker and client id -> the device that has it; two would throw each other out."""


def configured_mqtt(
    config: DeviceConfig, folder: Path, taken: ClientIds, at: str = ""
) -> MqttSource:
    """Make the driver of topics at a broker; touches no network and no file.

    Raises:
        ConfigError: every fault of the device's link and keys.
    """
    address, options = load_options(config, at)
    owner = taken.setdefault((*address, options.client_id), config.id)
    if owner != config.id:
        where = f"{at}.client_id" if at else "client_id"
        found = f"{options.client_id!r}, which {owner} has"
        raise ConfigError(config.id, [ConfigProblem(where, found, "a client id of its own")])
    return MqttSource(config.id, address, options, folder, stale_after=config.stale_after_s)
