"""What is known of items, and how it is told.

- `facts`       identity, state, receipts of many items at once
- `holds`, `placeholders`, `placements`  what is on hold; stand-ins; where an item is installed
- `visits`      operations at stations
- `changes`     when what is believed changed, and which beliefs were given up
- `ends`        where a trace ends, and what became of a hit
- `crossed`     pooled edges and placeholders that were crossed
- `rendering`, `making`  rows as nodes and edges of an answer
- `narrative`   a record in words
"""
