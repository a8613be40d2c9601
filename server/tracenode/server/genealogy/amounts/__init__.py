"""Quantities (SEMANTICS S9).

- `totals`      how much went into items, by dimension
- `shares`      the fraction of an item that comes from a suspect
- `account`, `balance`  where the quantity of a lot or container went
"""
