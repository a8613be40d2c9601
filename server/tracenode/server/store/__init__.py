"""The store: journal, projections and what is read from them, in one SQLite file.

Rooms:

- `schema`      every table, and what its columns mean
- `store`       one open store: its lock, its writer and its readers
- `booking`     what an event must satisfy before it is recorded, and what is answered
- `writing`     from a request to an entry of the journal, synced
- `projecting`  from an entry to the tables
- `reading`     names, master data, lists, and the connections that read
- `adjacency`   the index beside the file, which may be deleted
- `file`        opening, upgrading, checking, copying, rebuilding
- `state`       operational state beside it: consumers of the log, pinned items
"""
