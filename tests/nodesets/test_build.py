"""The generator, run as a developer and as CI run it."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nodesets.parsed import Nodeset
from tests.support.project import ROOT

FILES = (
    Path("nodesets/NodeIds.csv"),
    Path("nodesets/Traceability.NodeSet2.xml"),
    Path("docs/model.md"),
)
LOCK, NODESET, PAGE = FILES
RANGES = {
    "ObjectType": 1,
    "VariableType": 2,
    "DataType": 3,
    "ReferenceType": 4,
    "Object": 5,
    "Variable": 6,
    "Method": 7,
}


def build(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "nodesets" / "build.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A root with the files as they are committed."""
    for path in FILES:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def rows(root: Path) -> list[list[str]]:
    with (root / LOCK).open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def test_committed_files_are_what_the_definition_gives() -> None:
    checked = build("--check")
    assert checked.returncode == 0, checked.stderr


def test_the_same_definition_gives_the_same_bytes(copy: Path) -> None:
    for path in (NODESET, PAGE):
        (copy / path).unlink()
    assert build("--root", str(copy)).returncode == 0
    assert all((copy / path).read_bytes() == (ROOT / path).read_bytes() for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_check_names_a_stale_file_and_leaves_it(copy: Path, path: Path) -> None:
    stale = (copy / path).read_bytes().replace(b"InstallPart", b"InstallPaart")
    (copy / path).write_bytes(stale)
    checked = build("--check", "--root", str(copy))
    assert checked.returncode == 1
    assert path.name in checked.stderr
    assert (copy / path).read_bytes() == stale


def test_a_missing_file_is_stale(copy: Path) -> None:
    (copy / PAGE).unlink()
    assert build("--check", "--root", str(copy)).returncode == 1


def test_a_new_node_is_appended_and_all_others_keep_their_number(copy: Path) -> None:
    before = rows(copy)
    gone = next(row for row in before if row[0] == "TraceStationType/StartItem")
    kept = [row for row in before if row is not gone]
    (copy / LOCK).write_text("\n".join(",".join(row) for row in kept) + "\n")
    assert build("--root", str(copy)).returncode == 0
    assert rows(copy)[:-1] == kept
    path, number, kind = rows(copy)[-1]
    assert (path, kind) == ("TraceStationType/StartItem", "Method")
    assert int(number) == max(int(row[1]) for row in before[1:] if row[2] == "Method") + 1


def test_the_number_of_a_removed_node_is_not_given_again(copy: Path) -> None:
    with (copy / LOCK).open("a", newline="") as lock:
        lock.write("TraceStationType/Gone,7900,Method\n")
    text = (copy / LOCK).read_text()
    (copy / LOCK).write_text(text.replace("TraceStationType/Pack,", "TraceStationType/Packed,"))
    assert build("--root", str(copy)).returncode == 0
    numbers = {row[0]: row[1] for row in rows(copy)}
    assert numbers["TraceStationType/Gone"] == "7900"
    assert numbers["TraceStationType/Pack"] == "7901"


def test_a_full_range_goes_on_ten_thousand_higher(copy: Path) -> None:
    text = (copy / LOCK).read_text().replace("TraceStationType/Pack,", "TraceStationType/Packed,")
    (copy / LOCK).write_text(text + "TraceStationType/Gone,7999,Method\n")
    assert build("--root", str(copy)).returncode == 0
    assert {row[0]: row[1] for row in rows(copy)}["TraceStationType/Pack"] == "17001"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("TraceStationType,1900,ObjectType", "TraceStationType stands twice"),
        ("TraceOtherType,1001,ObjectType", "1001 is taken"),
        ("TraceOtherType,x,ObjectType", "expected path,id,kind"),
        ("TraceOtherType,1900,Objekt", "expected path,id,kind"),
    ],
)
def test_a_lock_that_contradicts_itself_is_refused(copy: Path, line: str, said: str) -> None:
    with (copy / LOCK).open("a", newline="") as lock:
        lock.write(f"{line}\n")
    refused = build("--root", str(copy))
    assert refused.returncode == 1
    assert said in refused.stderr


def test_a_node_that_changed_its_kind_is_refused(copy: Path) -> None:
    text = (copy / LOCK).read_text()
    changed = text.replace("TraceItemsType/ByMaterial,5", "TraceItemsType/ByMaterial,65")
    changed = changed.replace(
        next(line for line in changed.splitlines() if line.startswith("TraceItemsType/ByM")),
        "TraceItemsType/ByMaterial,6900,Variable",
    )
    (copy / LOCK).write_text(changed)
    refused = build("--root", str(copy))
    assert refused.returncode == 1
    assert "TraceItemsType/ByMaterial: expected a Variable, found a Object" in refused.stderr


def test_every_node_has_its_number_from_the_lock(nodeset: Nodeset) -> None:
    header, *locked = rows(ROOT)
    assert header == ["path", "id", "kind"]
    assert len({row[0] for row in locked}) == len(locked)
    assert len({row[1] for row in locked}) == len(locked)
    numbers = {(f"ns=1;i={number}", kind): path for path, number, kind in locked}
    for node in nodeset.nodes.values():
        path = numbers[node.id, node.kind]
        if path.split("/")[0] != "NamespaceMetadata":
            assert path == nodeset.path(node)


def test_numbers_are_in_the_range_of_their_kind() -> None:
    for path, number, kind in rows(ROOT)[1:]:
        assert int(number) // 1000 % 10 == RANGES[kind], path
