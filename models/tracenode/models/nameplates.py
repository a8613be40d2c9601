"""What stands on a device: who made it, and which one it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Nameplate"]

Text = Annotated[str, Field(max_length=200)]


class Nameplate(BaseModel):
    """As OPC 10000-100 has it; what is empty is not known, and shown nowhere as known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    manufacturer: Text = ""
    manufacturer_uri: Text = ""
    model: Text = ""
    product_code: Text = ""
    serial_number: Text = ""
    hardware_revision: Text = ""
    software_revision: Text = ""
    device_revision: Text = ""
    device_class: Text = ""
    device_manual: Text = ""
    """Where its manual is, a URL."""
    product_instance_uri: Text = ""
    asset_id: Text = ""
    """The plant's own number of it."""
    component_name: Text = ""
    """What the plant calls it."""
