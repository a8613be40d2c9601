"""Method calls.

- `gateway`     `MethodGateway.bind`: the one door of all method calls; `CallContext`
- `arguments`   a method's declared arguments: checks on the way in, padding on the way out
"""
