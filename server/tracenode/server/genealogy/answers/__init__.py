"""One kind of answer about one item each.

- `lineage`     ingredients and where-used
- `recall`, `census`  what must be recalled; counting it in SQLite
- `path`        how one item went into another
- `history`, `detail`  the records that touch an item; its state
- `issued`      answers as reports, and whether they would be given again
"""
