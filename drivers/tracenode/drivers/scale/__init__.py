"""Scales on a serial port or a socket: weight with its unit, and whether it stands still.

- `units`        what scales print as a unit, and the weight in the configured one; no I/O
- `protocols`    from a telegram to a weighing; no I/O
- `options`      the keys in the configuration
- `driver`       the driver; `configured` makes it from its table
"""
