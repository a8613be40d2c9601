"""The users of a server: a file beside its configuration, one account for each name.

The file is JSON, readable by its owner alone, and replaced as a whole: whoever reads it sees the
old one or the new one. `tracenode user` writes it; a running server looks at it every second.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tracenode.models.config import problems_of
from tracenode.models.errors import BadSetting, ConfigError, ConfigProblem
from tracenode.models.roles import Role, role_names, roles_of
from tracenode.server.opcua.security.passwords import is_hash

__all__ = ["Account", "Accounts", "changing", "read_accounts", "stamp"]

MOST: Final = 10_000
Name = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f|](?:[^\x00-\x1f|]{0,62}[^\s\x00-\x1f|])?$")]


@dataclass(frozen=True, slots=True)
class Account:
    """One user. `password` is its hash, empty for none; `certificates` are SHA-256 thumbprints in
    hexadecimal of user certificates that stand for this user."""

    name: str
    roles: Role
    password: str = ""
    certificates: frozenset[str] = frozenset()


class Accounts:
    """The accounts of one state of the file; unchangeable."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._by_name = dict(accounts)
        self._by_certificate = {
            thumbprint: account
            for account in self._by_name.values()
            for thumbprint in account.certificates
        }

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def named(self, name: str) -> Account | None:
        """Return the account of this name, exactly as it is written."""
        return self._by_name.get(name)

    def certified(self, thumbprint: str) -> Account | None:
        """Return the account that a user certificate stands for."""
        return self._by_certificate.get(thumbprint)


# ------------------------------------------------------------------ the file
class _User(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    roles: list[str] = []
    password: str = ""
    certificates: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = []

    @field_validator("roles")
    @classmethod
    def _known(cls, roles: list[str]) -> list[str]:
        roles_of(roles)
        return roles

    @field_validator("password")
    @classmethod
    def _hash(cls, password: str) -> str:
        if password and not is_hash(password):
            raise BadSetting("what `tracenode user password` writes", "another text")
        return password


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    users: list[_User] = Field(default=[], max_length=MOST)


def read_accounts(path: Path) -> Accounts:
    """Read the users; a file that is not there has none.

    Raises:
        ConfigError: it can't be read, or is no file of users.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Accounts({})
    except (OSError, UnicodeDecodeError) as e:
        raise _fault(path, "(file)", str(e), "a file of users in UTF-8") from e
    try:
        data = json.loads(text)
    except ValueError as e:
        raise _fault(path, "(file)", str(e), "JSON") from e
    try:
        file = _File.model_validate(data)
    except ValidationError as e:
        raise ConfigError(str(path), list(problems_of(e, _File))) from e
    found: dict[str, Account] = {}
    taken: dict[str, str] = {}
    for index, user in enumerate(file.users):
        if user.name.casefold() in {name.casefold() for name in found}:
            raise _fault(path, f"users[{index}].name", repr(user.name), "a name of its own")
        for thumbprint in user.certificates:
            if thumbprint in taken:
                where = f"users[{index}].certificates"
                raise _fault(path, where, thumbprint, f"a certificate not of {taken[thumbprint]!r}")
            taken[thumbprint] = user.name
        found[user.name] = Account(
            user.name, roles_of(user.roles), user.password, frozenset(user.certificates)
        )
    return Accounts(found)


def stamp(path: Path) -> tuple[int, int, int]:
    """Return what differs when the file was replaced or changed; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


@contextmanager
def changing(path: Path) -> Iterator[dict[str, Account]]:
    """Give the accounts to change, and write them when left without an error.

    Two processes that change the file do so one after the other.

    Raises:
        ConfigError: as `read_accounts`.
        OSError: the file can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_name(f".{path.name}.lock")):
        accounts = {account.name: account for account in read_accounts(path)}
        before = dict(accounts)
        yield accounts
        if accounts != before:
            _write(path, accounts)


def _write(path: Path, accounts: Mapping[str, Account]) -> None:
    users: list[dict[str, Any]] = [
        {
            "name": account.name,
            "roles": role_names(account.roles),
            "password": account.password,
            "certificates": sorted(account.certificates),
        }
        for account in accounts.values()
    ]
    text = json.dumps({"users": users}, indent=2, ensure_ascii=False) + "\n"
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 thumbprint of a certificate (DER), in hexadecimal."""
    return hashlib.sha256(certificate).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait for a lock that the system drops with the process."""
    with path.open("a+b") as file:
        try:
            import fcntl
        except ImportError:  # Windows: two changes in the same moment, the later one stands
            yield
            return
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield


def _fault(path: Path, where: str, found: str, expected: str) -> ConfigError:
    return ConfigError(str(path), [ConfigProblem(where, found, expected)])
