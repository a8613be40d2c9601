"""The adjacency index: which item leads to which, in a file beside the database (ADR 009).

It is derived and disposable: ids come from it only where it is known to say what the tables say at
the journal position of a snapshot; quantities, times and everything else come from the tables.

Rooms:

- `layout`     the file: header, arrays, writing, opening with every check
- `moved`      which edges a transaction began, ended or gave up, noted while it runs
- `overlay`    the same since the file was made, for every journal position
- `reach`      closure over file and overlay in plain Python
- `huge`       the same with numpy, where thousands of items are on one level
- `index`      what is loaded of a store, and when it may be asked
- `notes`      what was moved, for an index that another process keeps of the same store
- `making`     having the file made: here, or by a process of low priority (`python -m`)
- `connection` a connection that knows the index
"""
