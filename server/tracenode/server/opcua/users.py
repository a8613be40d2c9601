"""Who may log in. There is no built-in account, no default password, no remote administrator."""

from __future__ import annotations

from typing import Any

from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager

__all__ = ["AnonymousOnly"]


class AnonymousOnly(UserManager):
    """Everybody is the anonymous user: reads, writes what is marked writable, calls methods.

    A user name with whatever password is refused, never raised to a role.
    """

    def get_user(
        self,
        iserver: Any,
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,
    ) -> User | None:
        """Return the anonymous user, or None to refuse."""
        return None if username is not None else User(role=UserRole.Anonymous, name=None)
