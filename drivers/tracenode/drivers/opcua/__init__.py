"""A controller's own OPC UA server as a source (docs/devices.md).

- `node_names`  how a node is named in the configuration; no I/O
- `options`     the keys of a device whose driver is `opcua`
- `values`      from a DataValue to a reading: type checked, status and time as they are; no I/O
- `session`     one connection to the server: asyncua's client, its errors made ours
- `source`      the driver: subscribes, delivers, writes
- `registers`   the handshake's two areas as arrays of UInt16, for `tracenode.drivers.mailbox`
- `configured`  makes the driver of a device, with a mailbox or without
"""
