"""Passwords: never kept, only what scrypt makes of them (RFC 7914)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

__all__ = ["DUMMY", "LONGEST", "SHORTEST", "hashed", "matches", "weakness"]

COST, BLOCK, PARALLEL = 2**15, 8, 1
"""scrypt's n, r, p: 32 MiB and some 60 ms for one check; kept with each hash, so they can grow."""
MOST_MEMORY: Final = 256 * 1024 * 1024
SALT: Final = 16
SHORTEST, LONGEST = 8, 256
"""Characters of a password."""


@dataclass(frozen=True, slots=True)
class _Kept:
    cost: int
    block: int
    parallel: int
    salt: bytes
    digest: bytes

    def of(self, password: str) -> bytes:
        return hashlib.scrypt(
            password.encode("utf-8"),
            salt=self.salt,
            n=self.cost,
            r=self.block,
            p=self.parallel,
            maxmem=MOST_MEMORY,
            dklen=len(self.digest),
        )


def hashed(password: str) -> str:
    """Return what is kept of a password: `scrypt$n$r$p$salt$hash`, the last two in base 64."""
    kept = _Kept(COST, BLOCK, PARALLEL, secrets.token_bytes(SALT), bytes(32))
    salt, digest = (base64.b64encode(part).decode() for part in (kept.salt, kept.of(password)))
    return f"scrypt${COST}${BLOCK}${PARALLEL}${salt}${digest}"


def matches(password: str, kept: str) -> bool:
    """Return whether this is the password, in a time that does not depend on where they differ.

    Takes some 60 ms of one core and lets other threads run meanwhile.

    Raises:
        ValueError: `kept` is no hash.
    """
    parsed = _parsed(kept)
    return hmac.compare_digest(parsed.of(password[:LONGEST]), parsed.digest)


def weakness(password: str) -> str:
    """Return why a password can't be taken, empty where it can."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"expected {SHORTEST} to {LONGEST} characters, found {len(password)}"
    if len(set(password)) < 4:
        return "expected at least 4 different characters"
    return ""


def is_hash(kept: str) -> bool:
    """Return whether this is what `hashed` makes."""
    try:
        _parsed(kept)
    except ValueError:
        return False
    return True


def _parsed(kept: str) -> _Kept:
    name, *rest = kept.split("$")
    if name != "scrypt" or len(rest) != 5:
        raise ValueError("expected scrypt$n$r$p$salt$hash")
    cost, block, parallel = (int(number) for number in rest[:3])
    salt, digest = (base64.b64decode(part, validate=True) for part in rest[3:])
    if (
        cost < 2**14
        or cost & (cost - 1)
        or not 0 < parallel <= 4
        or not 0 < 128 * cost * block <= MOST_MEMORY // 2
        or len(salt) < SALT
        or len(digest) < 32
    ):
        raise ValueError("expected scrypt's n >= 16384 (a power of 2) within 128 MiB")
    return _Kept(cost, block, parallel, salt, digest)


DUMMY: Final = f"scrypt${COST}${BLOCK}${PARALLEL}${'A' * 22}==${'A' * 43}="
"""Checked for users who don't exist, so that the time of an answer does not tell who does."""
