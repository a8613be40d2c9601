"""Patterns of the operator Like (OPC 10000-4 7.7.3)."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["like"]


@lru_cache(maxsize=256)
def like(pattern: str) -> re.Pattern[str]:
    r"""Translate a pattern: `%` any run, `_` one character, `[abc]`, `[^abc]`, `\` escapes.

    Runs become atomic groups, so that a hostile pattern can't make the match slow.
    """
    chunks: list[list[str]] = [[]]
    position = 0
    while position < len(pattern):
        char = pattern[position]
        closing = pattern.find("]", position + 1) if char == "[" else -1
        if char == "\\" and position + 1 < len(pattern):
            position += 1
            chunks[-1].append(re.escape(pattern[position]))
        elif char == "%":
            chunks.append([])
        elif char == "_":
            chunks[-1].append(".")
        elif closing > position + 1:
            chunks[-1].append(_set(pattern[position + 1 : closing]))
            position = closing
        else:
            chunks[-1].append(re.escape(char))
        position += 1
    first, *rest = ["".join(chunk) for chunk in chunks]
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{chunk})" for chunk in rest[:-1] if chunk)
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


def _set(inside: str) -> str:
    negated = inside.startswith("^") and len(inside) > 1
    body = re.sub(r"([\\^\[\]&~|])", r"\\\1", inside[1:] if negated else inside)
    try:
        re.compile(f"[{body}]")
    except re.error:
        return "(?!)"  # a range that runs backwards contains nothing
    return f"[{'^' if negated else ''}{body}]"
