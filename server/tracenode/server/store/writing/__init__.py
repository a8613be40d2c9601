"""The way of an entry into the journal.

- `writer`      the one thread that writes: group commit
- `recording`   one request: idempotency, decision, entry, tables
- `requests`    request ids, natural keys, the EventSequence
- `journal`     appending entries, record ids, reading entries back
- `chain`, `canonical`  the hash chain, and the JSON that is hashed
"""
