"""The store: journal, projections and what is read from them, in one SQLite file.

Rooms:

- `schema`      every table, and what its columns mean
- `store`, `lock`  one open store; one writer at a time for each file
- `database`    opening: version, pragmas, identity of the file, checks at start
- `migrations`, `replay`  from one schema to the next: tables made anew from the journal
- `journal`, `chain`, `canonical`  appending entries, the hash chain, what is hashed, reading back
- `writer`, `recording`, `requests`  the thread that writes: group commit, one request, idempotency
- `readers`, `snapshot`  the pool of read connections; reading one state of the file
- `resolve`, `scanned`, `known`  from a text to an item: to book, as scanned, to ask
- `master`      master data: what an entry must say, and the one in force
- `booking`     what an event must satisfy before it is recorded, and what is answered
- `checking`, `routing`, `expiry`, `holds`, `cycles`, `standing`, `slots`, `stations`  what it asks
- `facts`, `references`  recorded events in event order; which items they name
- `projector`   from recorded events to tables, by `tail` at the end, by `recompute` anywhere else
- `moves`, `aggregates`  the intervals of one item, pure
- `belief`, `interning`, `memory`  versioned rows; numbers for texts; what is remembered
- `flows`, `content`, `settling`, `stock`  what is in a tank or lot: records, states, quantities
- `mounts`, `watches`, `placeholders`, `reports`  what their names say, as tables
- `adjacency`   the index beside the file, which may be deleted
- `catalogue`, `summary`  what is browsed, and how much there is
- `verify`, `inspection`, `rebuild`, `copies`, `replacing`  looking after the file
"""
