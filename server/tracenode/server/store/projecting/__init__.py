"""From recorded events to tables.

- `projector`   one event: by `tail` at the end of an item's intervals, by `recompute` elsewhere
- `facts`, `references`  recorded events in event order; which items they name
- `moves`, `aggregates`  the intervals of one item, pure
- `flows`, `content`, `settling`, `stock`  what is in a tank or lot: records, states, quantities
- `orders`      what is made for which order, counted
- `mounts`, `watches`, `placeholders`, `expiry`, `stations`  what their names say, as tables
- `belief`      rows that begin, end and are given up, with their versions
- `interning`, `standing`, `memory`  numbers for texts; where an item stands; what is remembered
"""
