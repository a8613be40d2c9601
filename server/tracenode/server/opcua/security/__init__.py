"""Who may connect and do what.

- `identity`      who a session speaks for: from its token to an account and roles
- `tokens`        user identity tokens: what is offered, decrypted, verified
- `accounts`      the file of users
- `passwords`     what is kept of a password
- `logins`        how often one may be tried, and how many at a time
- `access`        who may do what to which node, as bitmasks
- `rights`        what one session may
- `audit`         the door of the audit trail: summed, bounded, written in batches
- `audit_notes`   what is noted of a write, a call, a session
- `audit_events`  the audit trail as OPC UA events
- `trail`         the audit trail on disk: lines chained by hash
- `front`         what stands before the sessions, put together from the five below
- `policies`      the policies and modes that can be offered
- `endpoints`     what discovery answers; `reach`: under which URL a client reaches us
- `admission`     which connections are let in, and for how long without a session
- `certificates`  ours, those we trust, and why one is refused (a room of its own)
"""
