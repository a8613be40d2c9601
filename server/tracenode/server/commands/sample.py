"""The configuration that `init` writes: one station, its controller and its reader, explained."""

from typing import Final

__all__ = ["SAMPLE"]

SAMPLE: Final = """\
# tracenode configuration. `tracenode check tracenode.toml` names every fault at once.

[site]
id = "plant1"             # part of every client's node ids: choose it once

[store]
path = "tracenode.db"     # relative to this file
# local_disk = true       # false on network or removable disks

[opcua]
endpoint = "opc.tcp://127.0.0.1:4840/tracenode"
# aliases = ["mes.plant1.example"]      # other names of this server, for its certificate
# Channels are encrypted: `tracenode pki init` once, then `tracenode pki trust` for each client.
# Without encryption or certificates, on a network where nobody else is:
# security = ["None"]
# Clients log in: `tracenode user add NAME --role Operator`. Without a user, if you must:
# anonymous = true
# anonymous_roles = ["Observer"]

# A place where items are identified, changed or checked.
[[stations]]
id = "OP10"
path = "Plant1/Hall1/Line1"
on_scan = "observe"       # "start": a good scan checks the item in
# What a controller can say in numbers, in words:
positions = { 1 = "left", 2 = "right" }
failure_codes = { 1 = "TORQUE_LOW" }
measurements = { 1 = "Torque" }

# A template for many devices alike; a device's own keys go before it.
[profiles.controller]
driver = "modbus"
unit = 1
groups = { process = { period_ms = 500 } }

[profiles.controller.points]
Torque = { at = "hr:300", type = "float32", unit = "NU", min = 0, max = 20 }

[[devices]]
id = "PLC_OP10"
profile = "controller"
link = "tcp://192.0.2.10:502"
station = "OP10"
# The register handshake of docs/handshake.md; areas A and B from these registers on.
mailbox = { station_number = 10, base_a = 0, base_b = 200, measurements = 2 }

[[devices]]
id = "Reader_OP10"
driver = "scanner"
link = "tcp://192.0.2.11:2001"    # or "serial:/dev/ttyUSB0?baudrate=9600"
station = "OP10"
"""
