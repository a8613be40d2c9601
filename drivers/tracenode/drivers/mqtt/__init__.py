"""MQTT as a source (docs/devices.md, ADR 017).

- `options`      the keys of a device whose driver is `mqtt`
- `topics`       topic filters: what they match, and whether two have topics in common; no I/O
- `payloads`     from bytes to texts, values and times, plain or out of JSON; no I/O
- `states`       the points: what a message makes of them, and silence; no I/O
- `scans`        from a message to a scan; no I/O
- `connection`   one connection to the broker: paho-mqtt in its thread, acknowledged by hand
- `source`       the driver: books before it acknowledges
- `configured`   makes the driver of a device
"""
