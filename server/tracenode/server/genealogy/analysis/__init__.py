"""Questions that compare and count many items.

- `causes`      what failing units have in common; `traits`: what units have, `controls`: with whom
  they are compared, `significance`: whether it is more than chance
- `finding`     items by parts of their number, what they are and where they were
- `window`, `coverage`  what was at a station; how complete its trace is
- `impact`, `bom`  what a recall would touch; an item against its bill of material
"""
