"""Identity of an item (SEMANTICS S1, S2): validation, public form, node id form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, unquote

from tracenode.models.errors import InvalidIdentifier
from tracenode.models.items import ItemKind

__all__ = [
    "MAX_ID",
    "MAX_PART",
    "MAX_TEXT",
    "PLACEHOLDER",
    "SCHEMES",
    "Identity",
    "checked_part",
    "checked_text",
    "is_placeholder",
    "public_id",
]

MAX_TEXT: Final = 64
"""Characters of a serial or lot number: the width of an id field in the register handshake."""
MAX_PART: Final = 40
MAX_ID: Final = 110
"""Characters of a public id, so that `Item/<ItemId>#<field>` stays within PLC strings."""

PLACEHOLDER: Final = "?"
"""The part of an item that stands in for one that nobody registered (SEMANTICS S16)."""

SCHEMES: Final[dict[ItemKind, str]] = {
    ItemKind.Unit: "sn",
    ItemKind.Lot: "lot",
    ItemKind.Container: "container",
    ItemKind.Carrier: "carrier",
}
"""The scheme that a plain number of each kind gets."""

_STANDS_IN: Final = f":{PLACEHOLDER}:"
_NOREAD: Final = frozenset({"NOREAD", "NO READ", "NO_READ", "NO-READ", "NR", "ERROR", "?", "??"})
_SCHEME = re.compile(r"[a-z][a-z0-9]{0,15}")
_PUBLIC = re.compile(
    r"([a-z][a-z0-9]{0,15}):([^:]+):([^~]+)(?:~([1-9][0-9]{0,5}))?(?:~s([1-9][0-9]{0,17}))?"
)
_TEXT_RESERVED = {"%": "%25", "~": "%7E"}
_PART_RESERVED = {**_TEXT_RESERVED, ":": "%3A"}


def _checked(text: str, what: str, limit: int) -> str:
    if not text:
        raise InvalidIdentifier(text, f"{what} is empty")
    if "\0" in text:
        raise InvalidIdentifier(text, f"{what} is padded with NUL characters")
    if len(text) > limit:
        raise InvalidIdentifier(text, f"{what} has {len(text)} characters, at most {limit} fit")
    if not text.isprintable():
        found = next(c for c in text if not c.isprintable())
        raise InvalidIdentifier(text, f"{what} holds the control character {found!r}")
    if text != text.strip():
        raise InvalidIdentifier(text, f"{what} begins or ends with a space")
    return text


def checked_text(text: str) -> str:
    """Return a serial or lot number unchanged.

    Raises:
        InvalidIdentifier: empty, NUL-padded, over-long, with control characters or outer spaces,
            or a reader's word for "nothing read".
    """
    _checked(text, "the number", MAX_TEXT)
    if text.upper() in _NOREAD or set(text) == {"?"}:
        raise InvalidIdentifier(text, "a reader says this when it read nothing")
    return text


def checked_part(part: str) -> str:
    """Return a part or material number unchanged.

    Raises:
        InvalidIdentifier: as `checked_text`.
    """
    if part == PLACEHOLDER:
        raise InvalidIdentifier(part, "it stands for what nobody registered")
    return _checked(part, "the part", MAX_PART)


def is_placeholder(public: str) -> bool:
    """True where a public id is of an item that stands in for one that nobody registered."""
    return _STANDS_IN in public and public.partition(":")[2].startswith(_STANDS_IN[1:])


def _encode(text: str, reserved: dict[str, str]) -> str:
    if reserved.keys().isdisjoint(text):
        return text
    return "".join(reserved.get(c, c) for c in text)


def public_id(scheme: str, part: str, text: str, generation: int, state: int) -> str:
    """Return the `str` of an Identity, without one being made: for answers of many items."""
    public = f"{scheme}:{part}:{text}"
    if "%" in public or "~" in public or public.count(":") != 2:
        public = f"{scheme}:{_encode(part, _PART_RESERVED)}:{_encode(text, _TEXT_RESERVED)}"
    if generation:
        public = f"{public}~{generation}"
    return f"{public}~s{state}" if state else public


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """(scheme, part, text, generation, state). Its `str` is the public ItemId.

    `sn:PUMP-A:000123` is generation 0; a serial that came around again is `sn:PUMP-A:000123~1`.
    `container:SILO:7~s412` is the content of a container, or of a lot that was topped up, as the
    record at journal position 412 made it (SEMANTICS S5); state 0 is the item itself.
    """

    scheme: str
    part: str
    text: str
    generation: int = 0
    state: int = 0

    @classmethod
    def checked(cls, scheme: str, part: str, text: str, generation: int = 0) -> Self:
        """Build an identity from raw parts.

        Raises:
            InvalidIdentifier: a part is not usable, or the public form exceeds MAX_ID characters.
        """
        if not _SCHEME.fullmatch(scheme):
            raise InvalidIdentifier(scheme, "a scheme is 1 to 16 letters a-z and digits")
        return cls(scheme, checked_part(part), checked_text(text), generation)._short()

    @classmethod
    def stand_in(cls, kind: ItemKind, text: str) -> Self:
        """Build the identity of a placeholder of a kind.

        Raises:
            InvalidIdentifier: as `checked`.
        """
        return cls(SCHEMES[kind], PLACEHOLDER, checked_text(text))._short()

    def _short(self) -> Self:
        if len(public := str(self)) > MAX_ID:
            raise InvalidIdentifier(
                public, f"the whole id has {len(public)} characters, at most {MAX_ID} fit"
            )
        return self

    @classmethod
    def parse(cls, public: str) -> Self | None:
        """Read a public ItemId; None where the text is not of that form (it may be a bare text)."""
        match = _PUBLIC.fullmatch(public)
        if match is None:
            return None
        scheme, part, text, generation, state = match.groups()
        return cls(scheme, unquote(part), unquote(text), int(generation or 0), int(state or 0))

    def __str__(self) -> str:
        return public_id(self.scheme, self.part, self.text, self.generation, self.state)

    @property
    def node_key(self) -> str:
        """The id as it stands in a NodeId: everything outside `[A-Za-z0-9._~:@-]` encoded."""
        return quote(str(self), safe="._~:@-%")
