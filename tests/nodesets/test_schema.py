"""The file is a UANodeSet as the OPC Foundation's XML schema defines it."""

from __future__ import annotations

from importlib.metadata import files

from lxml import etree

from tests.nodesets.parsed import NODESET


def test_nodeset_is_valid_against_the_schema() -> None:
    (found,) = [path for path in files("opcua-tools") or () if path.name == "UANodeSet.xsd"]
    schema = etree.XMLSchema(etree.parse(str(found.locate())))
    document = etree.parse(str(NODESET))
    assert schema.validate(document), schema.error_log
