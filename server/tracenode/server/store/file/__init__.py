"""What looks after the database file.

- `database`    opening: version, pragmas, identity of the file, checks at start, creation
- `migrations`, `replay`  from one schema to the next: tables made anew from the journal
- `lock`        one writer at a time for each file, across processes
- `verify`, `inspection`  the hash chain, of a whole file and of a stretch
- `rebuild`     the tables again from the journal
- `copies`, `replacing`  backup, restore, and putting a file in the place of another
- `summary`     how much is in a store
"""
