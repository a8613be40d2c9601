"""Information models beside ours: companion specifications and a plant's own NodeSet2 files.

Nothing here knows asyncua: it is read what the files are, whether they fit together, and how they
have to be written for the importer. `server.opcua.nodesets` loads them.

- `vendored`     the official files that come with the product: which, from where, their hashes
- `files`        one NodeSet2 file: its models, what they require, its nodes and data types
- `planning`     all configured files: what is wrong with them, and in which order they load
- `normalising`  a file as the importer takes it
"""
