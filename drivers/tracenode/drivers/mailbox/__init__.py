"""The register handshake for controllers that can't call OPC UA methods (docs/handshake.md).

- `layout`    the two areas, word by word; no I/O
- `sequence`  which request this is: new, repeated, wrapped, out of order; no I/O
- `requests`  from a request to a trace event, from a receipt to an answer; no I/O
- `station`   the state machine of one station over a memory of registers
"""
