"""What is read from the tables as they are now, or as known at a position.

- `readers`, `snapshot`  the pool of read connections; one state of the file
- `resolve`, `scanned`, `known`  from a text to an item: to book, as scanned, to ask
- `master`      master data: what an entry must say, and the one in force
- `catalogue`, `slots`  what is browsed
- `sequences`   what an EventSequence stands for
- `reports`     issued reports
- `spans`       records of a stretch of the journal
"""
