"""The store: journal, projections and what is read from them, in one SQLite file.

Rooms:

- `schema`      every table, and what its columns mean
- `database`    opening: version, pragmas, identity of the file, checks at start, migrations
- `journal`     appending entries, the hash chain, record ids, reading entries back
- `writer`      the one thread that writes: group commit, idempotency, refusals
- `readers`     the pool of read connections
- `resolve`     from a text to an item: public id, bare number, alias, scanned code
- `booking`     what an event must satisfy before it is recorded, and what is answered
- `projector`   from recorded events to tables: recompute one aggregate, diff, version
- `verify`, `rebuild`, `copies`  looking after the file
"""
