"""The reference page of the model, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelling import (
    Component,
    Enumeration,
    Field,
    Method,
    Model,
    ObjectType,
    Rule,
    Structure,
    Variable,
)

__all__ = ["page"]

INTRODUCTION = """\
# Information model

The types that the server offers under the namespace `{uri}`, version {version}.
Made from `nodesets/definition.py` by `python nodesets/build.py`; change it there.
`nodesets/NodeIds.csv` holds the number of every node.

*Optional* members are there where the server or the site offers them. Every method ends with the
outputs `StatusText` (String) and `Status` (Int32), left out below: `Status < 100` is yes. A
refusal is answered with the StatusCode Good and a status from 100 on. Methods marked *PLC* have
built-in scalars only, at most 9 inputs and 4 outputs. Text arguments have at most 254 characters;
null and empty mean: not given. A null time is 1601-01-01.
"""


def page(model: Model) -> str:
    """Return the page: object types with methods, events, data types, references."""
    lines = [INTRODUCTION.format(uri=model.uri, version=model.version)]
    lines += ["## Object types", ""]
    for type_ in model.objects:
        lines += [*_type(type_), *_members(type_), *_methods(type_)]
    lines += ["## Event types", ""]
    for type_ in model.events:
        lines += [*_type(type_), *_members(type_)]
    lines += ["## Enumerations", ""]
    for enumeration in model.enumerations:
        lines += _enumeration(enumeration)
    lines += ["## Structures", ""]
    for structure in model.structures:
        lines += _structure(structure)
    lines += ["## References", ""]
    lines += _table(
        ("Reference", "Inverse", "Subtype of", "Meaning"),
        (
            (
                f"{type_.name}{' (abstract)' if type_.abstract else ''}",
                type_.inverse,
                type_.supertype,
                type_.text,
            )
            for type_ in model.references
        ),
    )
    return "\n".join(lines).rstrip("\n") + "\n"


def _type(type_: ObjectType) -> Iterator[str]:
    yield from (f"### {type_.name}", "")
    abstract = "Abstract. " if type_.abstract else ""
    yield from (f"{abstract}Subtype of {type_.supertype}. {type_.text}", "")
    if type_.generates:
        yield from (f"Generates {', '.join(type_.generates)}.", "")


def _members(type_: ObjectType) -> Iterable[str]:
    rows: list[tuple[str, ...]] = []
    for member in type_.members:
        match member:
            case Variable(field):
                unit = f" [{member.unit.symbol}]" if member.unit else ""
                access = " Clients write it." if member.writable else ""
                rows.append(
                    (field.name, f"{field.type}{unit}", _rule(member.rule), field.text + access)
                )
            case Component():
                rows.append((member.name, member.type, _rule(member.rule), member.text))
    return _table(("Member", "Type", "", "Meaning"), rows) if rows else ()


def _methods(type_: ObjectType) -> Iterator[str]:
    for method in type_.members:
        if not isinstance(method, Method):
            continue
        marks = [word for word, true in (("PLC", method.plc), (_rule(method.rule), True)) if true]
        notes = ", ".join(mark for mark in marks if mark)
        yield from (f"#### {type_.name}.{method.name}{f' ({notes})' if notes else ''}", "")
        yield from (method.text, "")
        rows = [_argument("in", field) for field in method.inputs]
        rows += [_argument("out", field) for field in method.results]
        if rows:
            yield from _table(("", "Argument", "Type", "Meaning"), rows)


def _argument(way: str, field: Field) -> tuple[str, ...]:
    return way, field.name, field.type, field.text


def _enumeration(enumeration: Enumeration) -> Iterator[str]:
    yield from (f"### {enumeration.name}", "", enumeration.text, "")
    yield from _table(
        ("Number", "Name", "Meaning"),
        (
            (str(member.value), member.name, enumeration.members[member.name])
            for member in enumeration.numbers
        ),
    )


def _structure(structure: Structure) -> Iterator[str]:
    yield from (f"### {structure.name}", "", structure.text, "")
    rows = ((field.name, field.type, field.text) for field in structure.fields)
    yield from _table(("Field", "Type", "Meaning"), rows)


def _rule(rule: Rule) -> str:
    return "optional" if rule is Rule.OPTIONAL else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""
