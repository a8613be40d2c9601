"""Structured text into tokens; comments are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["StError", "Token", "Tokens"]

_TOKEN = re.compile(
    r"(?P<space>\s+|\(\*.*?\*\)|//[^\n]*)"
    r"|(?P<time>T#\d+(?:ms|s))"
    r"|(?P<number>16#[0-9A-Fa-f_]+|\d+(?!\.\d))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>:=|=>|<=|>=|<>|\.\.|[-+*/=<>()\[\]:;,.])",
    re.DOTALL,
)


class StError(Exception):
    """What is wrong in a source, or at run time."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    line: int

    @property
    def value(self) -> int:
        """Of a number, or of a time in milliseconds."""
        if self.kind == "time":
            digits = self.text[2:].rstrip("ms")
            return int(digits) * (1 if self.text.endswith("ms") else 1000)
        based = self.text.replace("_", "")
        return int(based[3:], 16) if based.startswith("16#") else int(based)


class Tokens:
    """A source, token by token. Words are compared without regard to case."""

    def __init__(self, source: str, name: str) -> None:
        self._name = name
        self._tokens = [*_tokens(source, name), Token("end", "", source.count("\n") + 1)]
        self._at = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def fail(self, expected: str) -> StError:
        found = self.next
        return StError(f"{self._name}:{found.line}: expected {expected}, found {found.text!r}")

    def wrong(self, text: str) -> StError:
        return StError(f"{self._name}:{self.next.line}: {text}")

    def is_(self, *words: str) -> bool:
        return self.next.text.upper() in words and self.next.kind in ("name", "sign")

    def take(self, *words: str) -> str:
        """Take one of these words.

        Raises:
            StError: something else is there.
        """
        if not self.is_(*words):
            raise self.fail(" or ".join(words))
        return self.any().text.upper()

    def skip(self, word: str) -> bool:
        found = self.is_(word)
        self._at += found
        return found

    def name(self) -> str:
        if self.next.kind != "name":
            raise self.fail("a name")
        return self.any().text.upper()

    def number(self) -> int:
        sign = -1 if self.skip("-") else 1
        if self.next.kind != "number":
            raise self.fail("a number")
        return sign * self.any().value

    def any(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(source: str, name: str) -> Iterator[Token]:
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        line = source.count("\n", 0, at) + 1
        if match is None:
            raise StError(f"{name}:{line}: {source[at]!r} is not in the subset")
        if match.lastgroup != "space":
            yield Token(str(match.lastgroup), match.group(), line)
        at = match.end()
