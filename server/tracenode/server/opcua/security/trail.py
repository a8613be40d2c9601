"""The audit trail on disk: lines that are chained by hash, in segments of bounded size.

A line is one entry as JSON with its number `n` and `h`, the SHA-256 of the hash before it and of
the entry without `h`. The first line of a segment repeats the hash before it as `p`, so that what
is kept stays provable when the oldest segment goes; each segment that goes is an entry itself.
Nothing here knows OPC UA; one thread writes, any process may read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

__all__ = ["Checked", "Trail", "check", "entries"]

ZERO: Final = "0" * 64
SEGMENTS: Final = 16
"""Files that the trail is parted into; the oldest goes when they are all full."""
MIN_SEGMENT: Final = 4096
ROTATED: Final = "rotated"
TORN: Final = "torn"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of the trail found. `fault` is empty where every line is as it was written.

    `first` and `last` are the numbers of the entries kept, 0 where there are none; `head` is the
    hash of the last one: kept elsewhere, it shows later that no line was cut off at the end.
    """

    first: int
    last: int
    head: str
    fault: str = ""
    anchored: bool = True


class Trail:
    """The writing end. Not for two threads at once.

    Raises:
        OSError: the folder can't be written, or another process writes there.
    """

    def __init__(self, folder: Path, size: int) -> None:
        """`size`: bytes that the trail may take, all segments together."""
        self._folder = folder
        self._limit = max(size // SEGMENTS, MIN_SEGMENT)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _locked(folder)
        self._number, self._head = 0, ZERO
        self._file: BinaryIO | None = None
        self._written = 0
        torn = self._resume()
        if torn:
            self.append([{"k": TORN, "w": f"{torn} bytes of an unfinished line were cut off"}])

    @property
    def head(self) -> str:
        """The hash of the last entry."""
        return self._head

    @property
    def number(self) -> int:
        """The number of the last entry."""
        return self._number

    def append(self, batch: Sequence[Mapping[str, Any]]) -> None:
        """Write entries and sync them; they are on the disk when this returns."""
        for entry in batch:
            if self._file is None or self._written >= self._limit:
                self._rotate()
            self._line(entry)
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the files."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.close()

    def _line(self, entry: Mapping[str, Any], **more: Any) -> None:
        assert self._file is not None
        self._number += 1
        plain = {"n": self._number, **more, **entry}
        self._head = _digest(self._head, plain)
        text = json.dumps({**plain, "h": self._head}, ensure_ascii=False, separators=(",", ":"))
        line = text.encode("utf-8", "backslashreplace") + b"\n"
        self._file.write(line)
        self._written += len(line)

    def _rotate(self) -> None:
        """Begin a segment; the oldest goes first, and the new one says so."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        kept = _segments(self._folder)
        gone = kept[: max(len(kept) - SEGMENTS + 1, 0)]
        through = 0
        if gone:
            after = kept[len(gone)] if len(gone) < len(kept) else None
            through = _first_number(after) - 1 if after is not None else self._number
        path = self._folder / f"audit-{self._number + 1:012}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file, self._written = os.fdopen(descriptor, "wb"), 0
        words = f"entries up to {through} were let go" if gone else "a new segment"
        self._line({"k": ROTATED, "w": words, "through": through}, p=self._head)
        self._file.flush()
        os.fsync(self._file.fileno())  # what says that they went is there before they go
        for old in gone:
            old.unlink(missing_ok=True)

    def _resume(self) -> int:
        """Go on after the last whole line; returns how many bytes were cut off behind it."""
        kept = _segments(self._folder)
        if not kept:
            return 0
        path = kept[-1]
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            with path.open("r+b") as file:
                file.truncate(whole)
        if not whole:  # not even its first line: as if it had not been begun
            path.unlink()
            return self._resume() or len(data)
        last = json.loads(data[data.rfind(b"\n", 0, whole - 1) + 1 : whole])
        self._number, self._head = int(last["n"]), str(last["h"])
        self._file = path.open("ab")
        self._written = whole
        return len(data) - whole


def entries(folder: Path, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the entries kept after a number, oldest first; an unfinished last line is left out.

    Raises:
        ValueError: a line is no entry.
    """
    kept = _segments(folder)
    numbers = [int(path.stem.partition("-")[2]) for path in kept]
    for index, path in enumerate(kept):
        if index + 1 < len(kept) and numbers[index + 1] <= after + 1:
            continue
        for line in _lines(path):
            entry = json.loads(line)
            if entry["n"] > after:
                yield entry


def check(folder: Path, anchor: str = "") -> Checked:
    """Follow the chain over every line kept; `anchor` is a head written down before.

    What was cut off at the end is found by an anchor alone; segments that are missing at the
    beginning must have been told by a later one.
    """
    first = number = told = 0
    head, anchored = ZERO, not anchor
    try:
        for path in _segments(folder):
            for count, line in enumerate(_lines(path), start=1):
                where = f"{path.name} line {count}"
                entry = _entry(line)
                if entry is None:
                    return Checked(first, number, head, f"{where} is no entry", anchored)
                if not first:
                    first, number, head = entry["n"], entry["n"] - 1, str(entry.get("p", ZERO))
                    if first == 1 and head != ZERO:
                        return Checked(0, 0, ZERO, f"{where} does not begin a trail", anchored)
                if entry["n"] != number + 1:
                    fault = f"{where}: expected entry {number + 1}, found {entry['n']}"
                    return Checked(first, number, head, fault, anchored)
                if count == 1 and entry.get("p") != head:
                    fault = f"{where} does not follow the segment before"
                    return Checked(first, number, head, fault, anchored)
                if _digest(head, entry) != entry["h"]:
                    fault = f"{where}: entry {entry['n']} is not as it was written"
                    return Checked(first, number, head, fault, anchored)
                number, head = entry["n"], entry["h"]
                anchored = anchored or head == anchor
                if entry.get("k") == ROTATED:
                    told = max(told, int(entry.get("through", 0)))
    except FileNotFoundError as gone:  # rotated away while it was read
        return Checked(first, number, head, f"{gone.filename} went while it was read", anchored)
    fault = ""
    if first > told + 1:
        fault = f"entries {told + 1} to {first - 1} are missing, and nothing says that they went"
    elif not anchored:
        fault = f"no entry has the hash {anchor}"
    return Checked(first, number, head, fault, anchored)


def _digest(before: str, entry: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in entry.items() if key != "h"}
    text = json.dumps(plain, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(before.encode("ascii") + text.encode("ascii")).hexdigest()


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    sound = isinstance(entry, dict) and isinstance(entry.get("n"), int) and "h" in entry
    return entry if sound else None


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("audit-*.jsonl"))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _locked(folder: Path) -> BinaryIO:
    """Take the lock of a folder, which the system drops with the process."""
    file = (folder / ".lock").open("a+b")
    try:
        import fcntl
    except ImportError:  # Windows: the lock of the database must do
        return file
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        file.close()
        raise OSError(e.errno, "another process writes the audit trail", str(folder)) from e
    return file


def _first_number(path: Path) -> int:
    return int(path.stem.partition("-")[2])
