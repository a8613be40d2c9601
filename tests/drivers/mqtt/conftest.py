"""A broker for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drivers.mqtt.broker import Broker, broker


@pytest.fixture
def mosquitto() -> Iterator[Broker]:
    # Not in pytest's own folder: mosquitto gives up root, and others may not look in there.
    with tempfile.TemporaryDirectory(prefix="mqtt") as folder, broker(Path(folder)) as running:
        yield running
