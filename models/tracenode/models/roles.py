"""The roles of users: those that OPC UA names (OPC 10000-18 4.2), as one bit each."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntFlag
from typing import Final

from tracenode.models.errors import BadSetting

__all__ = ["EVERYBODY", "GRANTED", "NOBODY", "Role", "role_names", "roles_of"]


class Role(IntFlag):
    """A well-known role. A session has one or more; what they may is `models.permissions`."""

    Anonymous = 1
    AuthenticatedUser = 2
    Observer = 4
    Operator = 8
    Engineer = 16
    Supervisor = 32
    ConfigureAdmin = 64
    SecurityAdmin = 128


NOBODY: Final = Role(0)
EVERYBODY: Final = Role(255)
GRANTED: Final = EVERYBODY & ~(Role.Anonymous | Role.AuthenticatedUser)
"""The roles that are given to users; the other two every session has by itself."""


def roles_of(names: Iterable[str]) -> Role:
    """Return the roles of these names.

    Raises:
        BadSetting: a name that is no role to be given.
    """
    found = NOBODY
    for name in names:
        role = Role.__members__.get(name)
        if role is None or not role & GRANTED:
            raise BadSetting(f"roles of {', '.join(role_names(GRANTED))}", repr(name))
        found |= role
    return found


def role_names(roles: int) -> list[str]:
    """Return the names of the roles in a mask, in the order of the specification."""
    return [name for name, role in Role.__members__.items() if role & roles]
