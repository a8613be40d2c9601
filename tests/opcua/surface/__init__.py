"""The surface over a real store, as clients see it."""
