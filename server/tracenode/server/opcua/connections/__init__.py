"""From bytes to requests, and who sends them.

- `transport`   the connection: back-pressure both ways
- `channel`     the secure channel: what it takes before it decrypts
- `guard`       what a connection must get right before a service is asked
- `processor`   requests: session binding, which run side by side
- `services`    the services of a session: how requests are read, and who answers
- `sessions`    `TraceSession`: one client's session
- `callers`     `caller()`: who is calling (user, roles, application URI, session)
- `activation`  ActivateSession: who a session speaks for
- `wire`        decoding that differs from asyncua's (DataValue picoseconds)
"""
