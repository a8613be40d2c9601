"""Operational state: what must outlive a restart and is no part of the trace (ADR 010).

- `file`        `StateFile`: the file `NAME.state` beside the database
- `consumers`   who reads the log, and up to where each has it
- `conditions`  how alarms stand, and what people have done about them
- `pins`        items that are listed whatever their state
"""
