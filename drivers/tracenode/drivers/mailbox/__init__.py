"""The handshake for controllers that can't call OPC UA methods (docs/handshake.md).

- `layout`      the two areas, word by word (`words`: what they are made of); no I/O
- `sequence`    which request this is: new, repeated, wrapped, out of order; no I/O
- `requests`    from a request to a trace event, from a receipt to an answer; no I/O
- `bypass`      which times a controller ran without trace; no I/O
- `exchange`    the state machine: booked at most once, answered when durable; no I/O of its own
- `station`     a controller's registers served by it, between its `neighbours`
- `frozen`      its readings while its heartbeat stands still; no I/O
- `registers`   the controller's memory over a guarded Modbus link
- `local`       registers of ours, which the controller writes (server mode)
- `device`      a device with a mailbox; `configured` makes a Modbus one from its `options`
- `configured_listener`  the same in server mode
"""
