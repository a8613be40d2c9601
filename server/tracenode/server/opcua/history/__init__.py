"""HistoryRead: the past of variables and events, read from the journal (OPC 10000-11).

Nothing is stored for it. Who knows the past of a node is an `Archive` (`pasts`); the trace's is
`surface.archive`. Pages are read and encoded on reading threads.

- `service`       `HistoryService`: one request, node by node
- `times`         the range that a request names, and its direction
- `pasts`         what an archive gives: samples, former values, events
- `values`        raw values with bounds, values at times, modified values
- `events`        events by filter
- `points`        the continuation points of one session
- `capabilities`  what the server says of its history
"""
