"""The server core, seen by independent clients."""
