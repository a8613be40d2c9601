"""Companion models and a plant's own nodesets: what fits together, and how it is written."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import get_args

import pytest

from tracenode.models.config import OpcUaConfig
from tracenode.server.companions.files import NODESET, read_nodeset
from tracenode.server.companions.normalising import Normaliser
from tracenode.server.companions.planning import FIRST_INDEX, plan_of
from tracenode.server.companions.vendored import AUTO_ID, DI, Vendored, vendored

USER = """<?xml version="1.0" encoding="utf-8"?>
<UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd">
  <NamespaceUris>
    <Uri>urn:plant:types</Uri>
    <Uri>http://opcfoundation.org/UA/DI/</Uri>
  </NamespaceUris>
  <Models>
    <Model ModelUri="urn:plant:types" Version="1.0" PublicationDate="2026-01-01T00:00:00Z">
      <RequiredModel ModelUri="http://opcfoundation.org/UA/"/>
      {required}
    </Model>
  </Models>
  {nodes}
</UANodeSet>
"""
NEEDS_DI = (
    '<RequiredModel ModelUri="http://opcfoundation.org/UA/DI/" Version="1.04"'
    ' PublicationDate="{date}"/>'
)
DATA_TYPE = (
    '<UADataType NodeId="ns=1;i=3001" BrowseName="1:{name}"><DisplayName>{name}</DisplayName>'
    '<References><Reference ReferenceType="i=45" IsForward="false">{base}</Reference></References>'
    "{definition}</UADataType>"
)


def user_file(folder: Path, nodes: str = "", required: str = "", name: str = "own.xml") -> str:
    (folder / name).write_text(USER.format(nodes=nodes, required=required), encoding="utf-8")
    return name


def faults(folder: Path, companions: tuple[str, ...], *nodesets: str) -> list[str]:
    plan, problems = plan_of(companions, nodesets, folder, "Plant")
    assert bool(problems) != bool(plan.files)
    return [str(problem) for problem in problems]


# ------------------------------------------------------------------ the vendored files
@pytest.mark.parametrize("source", vendored().values(), ids=lambda source: source.name)
def test_a_vendored_file_is_as_it_was_published(source: Vendored) -> None:
    assert hashlib.sha256(source.path.read_bytes()).hexdigest() == source.sha256
    (model,) = read_nodeset(source.path, source.name).models
    assert (model.uri, model.version) == (source.uri, source.version)
    assert f"{model.published:%Y-%m-%dT%H:%M:%SZ}" == source.published
    assert source.licence == "MIT"
    assert b"OPC Foundation MIT License 1.00" in source.path.read_bytes()[:400]


def test_the_configuration_knows_each_vendored_file() -> None:
    kind = OpcUaConfig.model_fields["companions"].annotation
    assert set(get_args(get_args(kind)[0])) == set(vendored())


# ------------------------------------------------------------------ what fits together
def test_files_load_after_what_they_require_and_keep_the_configured_index(tmp_path: Path) -> None:
    own = user_file(tmp_path, required=NEEDS_DI.format(date="2025-01-01T00:00:00Z"))
    plan, problems = plan_of(("AutoID", "DI"), (own,), tmp_path, "Plant")
    assert not problems
    assert [file.name for file in plan.files] == ["DI", "AutoID", "own.xml"]
    assert plan.index(AUTO_ID) == FIRST_INDEX
    assert plan.index(DI) == FIRST_INDEX + 1
    assert plan.index("urn:plant:types") == FIRST_INDEX + 2
    assert plan.untried


def test_nothing_configured_is_nothing_read(tmp_path: Path) -> None:
    plan, problems = plan_of((), (), tmp_path / "nowhere", "Plant")
    assert not (plan.files or problems or plan.untried)


def test_a_missing_model_is_named_with_where_it_is(tmp_path: Path) -> None:
    assert faults(tmp_path, ("AutoID",)) == [
        "opcua.companions[0]: expected http://opcfoundation.org/UA/DI/ 1.01 of 2019-05-01"
        ' ("DI" among opcua.companions), found AutoID without it'
    ]


def test_a_model_that_is_too_old_is_told_with_what_is_there(tmp_path: Path) -> None:
    own = user_file(tmp_path, required=NEEDS_DI.format(date="2030-01-01T00:00:00Z"))
    assert faults(tmp_path, ("DI",), own) == [
        "opcua.nodesets[0]: expected http://opcfoundation.org/UA/DI/ 1.04 of 2030-01-01"
        " or later, for own.xml, found http://opcfoundation.org/UA/DI/ 1.05.0 of 2025-11-15"
    ]


def test_names_of_data_types_must_differ(tmp_path: Path) -> None:
    nodes = DATA_TYPE.format(name="ScanResult", base="i=22", definition="")
    (fault,) = faults(tmp_path, ("DI", "AutoID"), user_file(tmp_path, nodes))
    assert fault.endswith("found own.xml with data type ScanResult, which AutoID has too")


def test_every_fault_of_every_file_is_told(tmp_path: Path) -> None:
    user_file(tmp_path)
    (tmp_path / "torn.xml").write_text(USER[:300], encoding="utf-8")
    (tmp_path / "html.xml").write_text("<html/>", encoding="utf-8")
    foreign = '<UAObject NodeId="ns=2;i=9" BrowseName="2:A"/>'
    user_file(tmp_path, foreign, name="foreign.xml")
    twice = '<UAObject NodeId="ns=1;i=9" BrowseName="1:A"/>' * 2
    user_file(tmp_path, twice, name="twice.xml")
    found = faults(
        tmp_path,
        ("DI", "DI"),
        *("own.xml", "none.xml", "torn.xml", "html.xml", "foreign.xml", "twice.xml"),
    )
    for words in (
        "none.xml: no file that can be read (No such file or directory)",
        "torn.xml: no XML",
        "html.xml: <html> in place of <UANodeSet>",
        "twice.xml: nsu=urn:plant:types;i=9 twice",
        "DI with http://opcfoundation.org/UA/DI/, which DI has",
        "foreign.xml with urn:plant:types, which own.xml has",
        "foreign.xml with nodes of http://opcfoundation.org/UA/DI/, which DI has",
    ):
        assert any(words in fault for fault in found), (words, found)
    assert len(found) == 7


def test_models_that_require_each_other_have_no_order(tmp_path: Path) -> None:
    one = user_file(tmp_path, required='<RequiredModel ModelUri="urn:plant:more"/>', name="a.xml")
    text = USER.format(nodes="", required='<RequiredModel ModelUri="urn:plant:types"/>')
    swapped = text.replace(
        'Model ModelUri="urn:plant:types" V', 'Model ModelUri="urn:plant:more" V'
    )
    (tmp_path / "b.xml").write_text(swapped, encoding="utf-8")
    (fault,) = faults(tmp_path, (), one, "b.xml")
    assert fault.endswith("found models that require each other: a.xml, b.xml")


# ------------------------------------------------------------------ as the importer takes them
def test_a_structure_has_the_fields_of_its_bases_from_other_files_too(tmp_path: Path) -> None:
    own = (
        "<Definition Name='1:Deep'><Field Name='Depth' DataType='i=11'/>"
        "<Field Name='Grade' DataType='i=11'/></Definition>"
    )

    nodes = DATA_TYPE.format(name="Deep", base="ns=2;i=3026", definition=own)
    name = user_file(tmp_path, nodes)
    text = (tmp_path / name).read_text(encoding="utf-8")
    text = text.replace("http://opcfoundation.org/UA/DI/", "http://opcfoundation.org/UA/AutoID/")
    (tmp_path / name).write_text(text, encoding="utf-8")
    normaliser = Normaliser()
    made = [normaliser.text(vendored()[known].path) for known in ("DI", "AutoID")]
    made.append(normaliser.text(tmp_path / name))
    assert fields(made[1], "ns=1;i=3026") == [
        *(("CodeType", "ns=1;i=3031"), ("ScanData", "ns=1;i=3020")),
        *(("Timestamp", "i=294"), ("Location", "ns=1;i=3008")),
        *(("Grade", "Float"), ("Position", "Position"), ("Symbology", "String")),
        ("ImageId", "NodeId"),
    ]
    assert [field for field, _ in fields(made[2], "ns=1;i=3001")] == [
        *("CodeType", "ScanData", "Timestamp", "Location"),
        *("Position", "Symbology", "ImageId", "Depth", "Grade"),
    ]
    assert dict(fields(made[2], "ns=1;i=3001"))["ScanData"] == "ns=2;i=3020"


def fields(text: str, node_id: str) -> list[tuple[str | None, str | None]]:
    root = ET.fromstring(text)
    node = next(n for n in root.iter(f"{NODESET}UADataType") if n.get("NodeId") == node_id)
    return [(f.get("Name"), f.get("DataType")) for f in node.iter(f"{NODESET}Field")]


def test_what_the_importer_can_not_read_is_left_out() -> None:
    normaliser = Normaliser()
    for name in ("DI", "AutoID"):
        text = normaliser.text(vendored()[name].path)
        assert "DesignToolOnly" not in text
        assert "RequiredModel" not in text
    before = vendored()["DI"].path.read_text(encoding="utf-8")
    assert "DesignToolOnly" in before
    assert "RequiredModel" in before
