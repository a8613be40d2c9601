"""Questions that may be about most of the store, answered beside the server (ADR 011).

A recall of a hundred thousand units is seconds of Python. In the server's own interpreter every
other client would feel them; so a server has them answered by a process that reads the same file,
and gets the head of a large answer and the pages that somebody asks for.

Rooms:

- `jobs`       what is asked: a whole answer, its JSON, a recall by pages
- `held`       recalls that are held for whoever fetches their pages
- `desk`       who answers next, and who waits: the one door
- `here`       answering in this process
- `worker`     a reading process, seen from the server
- `process`    the same from inside (`python -m`)
- `follower`   how it keeps its adjacency index up to what the server's writer commits
- `frames`     what goes over the pipe
- `pieces`     answers as bytes, long ones in pieces
- `crossing`   errors that cross it unchanged
"""
