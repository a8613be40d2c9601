"""One kind of answer about one item each.

- `lineage`     ingredients and where-used
- `recall`      what must be recalled
- `census`, `tally`, `counts`  counting it: in SQLite, with numpy, and what is counted
- `path`        how one item went into another
- `history`, `detail`  the records that touch an item; its state
- `issued`      answers as reports, and whether they would be given again
"""
