"""The documentation, held against what it documents."""
