"""The nodeset: made from its definition, valid, sensible, and loaded by two independent stacks."""
