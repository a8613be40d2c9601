"""A simulated line of three stations: what `tracenode demo` and the tests talk to.

It speaks to the server with real bytes only: controllers are Modbus TCP servers with the register
handshake, readers stand behind pseudo-terminals (TCP where there are none).

- `memory`   a controller's registers behind a Modbus server
- `plc`      the controller's half of the handshake
- `reader`   a barcode reader that sends telegrams
- `product`  what is built, from what, and how it fails
- `line`     units on their way through the stations, and the truth file
"""
