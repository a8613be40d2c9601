"""Expressions, compiled into closures over a frame while they are parsed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.plc.st.tokens import StError, Tokens
from tests.plc.st.types import (
    BITS,
    BOOL,
    ELEMENTARY,
    INTS,
    LITERAL,
    TIME,
    Array,
    Block,
    Elementary,
    Frame,
    Struct,
    Type,
    fits,
)

__all__ = ["Expression", "Function", "Names", "Place", "compile_expression", "compile_place"]

Value = Callable[[Frame], Any]


@dataclass(frozen=True)
class Expression:
    """`known`: the value of a literal, whose type is that of its place."""

    type: Type
    value: Value
    known: int | None = None


@dataclass(frozen=True)
class Place(Expression):
    """What can be assigned to."""

    put: Callable[[Frame, Any], None] = field(default=lambda frame, value: None)


@dataclass(frozen=True)
class Function:
    """A function of a source: it has its variables anew in each call."""

    result: Type
    in_outs: Mapping[str, Type]
    call: Callable[[Frame], Any]


@dataclass
class Names:
    """What a source may name: its variables, constants, functions and types."""

    variables: dict[str, Type] = field(default_factory=dict)
    constants: dict[str, tuple[Type, int]] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)


COMPARED: Final = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
LEVELS: Final = (("OR",), ("XOR",), ("AND",), tuple(COMPARED), ("+", "-"), ("*", "/", "MOD"))
"""Operators, the loosest first."""
LOGICAL: Final = {"OR": operator.or_, "XOR": operator.xor, "AND": operator.and_}
ARITHMETIC: Final[Mapping[str, Callable[[int, int], int]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    "MOD": lambda a, b: abs(a) % abs(b) * (1 if a >= 0 else -1),
}


def compile_expression(tokens: Tokens, names: Names, level: int = 0) -> Expression:
    """Compile what stands next.

    Raises:
        StError: it is not in the subset, or its types do not fit.
    """
    if level == len(LEVELS):
        return _unary(tokens, names)
    left = compile_expression(tokens, names, level + 1)
    while tokens.is_(*LEVELS[level]):
        sign = tokens.any().text.upper()
        right = compile_expression(tokens, names, level + 1)
        left = _binary(tokens, sign, left, right)
    return left


def _binary(tokens: Tokens, sign: str, left: Expression, right: Expression) -> Expression:
    type_ = common_type(tokens, left, right)
    a, b = left.value, right.value
    if sign in COMPARED:
        compare = COMPARED[sign]
        if sign not in ("=", "<>") and type_ not in (*INTS, TIME, LITERAL):
            raise tokens.wrong(f"{type_} has no order")
        return Expression(BOOL, lambda frame: compare(a(frame), b(frame)))
    if sign in LOGICAL:
        if type_ not in (BOOL, *BITS):
            raise tokens.wrong(f"{sign} of {type_}: BOOL and bit strings only")
        logical = LOGICAL[sign]
        return Expression(type_, lambda frame: logical(a(frame), b(frame)))
    if type_ not in (*INTS, LITERAL) or not isinstance(type_, Elementary):
        raise tokens.wrong(f"{sign} of {type_}: integers only")
    arithmetic, where = ARITHMETIC[sign], f"{sign} in line {tokens.next.line}"
    if left.known is not None and right.known is not None:
        known = arithmetic(left.known, right.known)
        return Expression(LITERAL, lambda frame: known, known)

    def computed(frame: Frame) -> int:
        result = arithmetic(a(frame), b(frame))
        if not type_.least <= result <= type_.most:
            raise StError(f"{where}: {result} is no {type_}")
        return result

    return Expression(type_, computed)


def common_type(tokens: Tokens, left: Expression, right: Expression) -> Type:
    """Return the type of two operands; a literal takes that of the other."""
    if left.known is not None and right.known is not None:
        return LITERAL
    for one, other in ((left, right), (right, left)):
        if one.known is not None and fits(one.known, other.type):
            return other.type
    if left.type != right.type:
        raise tokens.wrong(f"{left.type} and {right.type} do not mix")
    return left.type


def _unary(tokens: Tokens, names: Names) -> Expression:
    if tokens.skip("NOT"):
        operand = _unary(tokens, names)
        value, type_ = operand.value, operand.type
        if type_ == BOOL:
            return Expression(BOOL, lambda frame: not value(frame))
        raise tokens.wrong(f"NOT of {type_}: BOOL only")
    if tokens.skip("("):
        inner = compile_expression(tokens, names)
        tokens.take(")")
        return Expression(inner.type, inner.value, inner.known)
    if tokens.next.kind == "number" or tokens.is_("-"):
        number = tokens.number()
        return Expression(LITERAL, lambda frame: number, number)
    if tokens.next.kind == "time":
        milliseconds = tokens.any().value
        return Expression(TIME, lambda frame: milliseconds)
    if tokens.is_("TRUE", "FALSE"):
        truth = tokens.name() == "TRUE"
        return Expression(BOOL, lambda frame: truth)
    return _named(tokens, names)


def _named(tokens: Tokens, names: Names) -> Expression:
    name = tokens.next.text.upper()
    if name in names.variables:
        return compile_place(tokens, names)
    tokens.name()
    if name in names.constants:
        type_, constant = names.constants[name]
        return Expression(type_, lambda frame: constant)
    if not tokens.is_("("):
        raise tokens.wrong(f"{name} is not declared")
    if name in names.functions:
        return _called(tokens, names, names.functions[name])
    return _standard(tokens, names, name)


# ---------------------------------------------------------------- places
def compile_place(tokens: Tokens, names: Names) -> Place:
    """Compile a variable with its members and indexes."""
    name = tokens.name()
    if name not in names.variables:
        raise tokens.wrong(f"{name} is not declared")
    place = Place(names.variables[name], operator.itemgetter(name), put=_putter(name))
    while tokens.is_(".", "["):
        place = _member(tokens, place) if tokens.skip(".") else _element(tokens, names, place)
    return place


def _putter(name: str) -> Callable[[Frame, Any], None]:
    def put(frame: Frame, value: Any) -> None:
        frame[name] = value

    return put


def _member(tokens: Tokens, of: Place) -> Place:
    name, held = tokens.name(), of.value
    match of.type:
        case Struct(members=members) if name in members:
            type_ = members[name]
        case Block(outputs=outputs, variables=variables) if name in outputs:
            type_ = variables[name]
        case _:
            raise tokens.wrong(f"{of.type} has no {name} to be read")

    def put(frame: Frame, value: Any) -> None:
        held(frame)[name] = value

    return Place(type_, lambda frame: held(frame)[name], put=put)


def _element(tokens: Tokens, names: Names, of: Place) -> Place:
    tokens.take("[")
    index = compile_expression(tokens, names)
    tokens.take("]")
    if not isinstance(of.type, Array) or index.type not in (*INTS, LITERAL):
        raise tokens.wrong(f"{of.type} is not indexed by {index.type}")
    array, held, at = of.type, of.value, index.value
    where = f"line {tokens.next.line}"

    def found(frame: Frame) -> int:
        number: int = at(frame)
        if not array.least <= number <= array.most:
            raise StError(f"{where}: index {number} of {array}")
        return number - array.least

    def put(frame: Frame, value: Any) -> None:
        held(frame)[found(frame)] = value

    return Place(array.of, lambda frame: held(frame)[found(frame)], put=put)


# ---------------------------------------------------------------- functions
def _called(tokens: Tokens, names: Names, function: Function) -> Expression:
    tokens.take("(")
    given: dict[str, Value] = {}
    while True:
        name = tokens.name()
        tokens.take(":=")
        place = compile_place(tokens, names)
        if function.in_outs.get(name) != place.type:
            raise tokens.wrong(f"{name}: {place.type} is not what the function takes")
        given[name] = place.value
        if not tokens.skip(","):
            break
    tokens.take(")")
    if given.keys() != function.in_outs.keys():
        raise tokens.wrong(f"all of {', '.join(function.in_outs)} are to be given")
    call = function.call
    return Expression(
        function.result,
        lambda frame: call({name: value(frame) for name, value in given.items()}),
    )


def _standard(tokens: Tokens, names: Names, name: str) -> Expression:
    tokens.take("(")
    arguments = [compile_expression(tokens, names)]
    while tokens.skip(","):
        arguments.append(compile_expression(tokens, names))
    tokens.take(")")
    first = arguments[0]
    if name == "MIN" and len(arguments) == 2:
        a, b = (argument.value for argument in arguments)
        type_ = common_type(tokens, *arguments)
        if type_ not in (*INTS, LITERAL):
            raise tokens.wrong(f"MIN of {type_}")
        return Expression(type_, lambda frame: min(a(frame), b(frame)))
    if name in ("SHL", "SHR") and len(arguments) == 2 and first.type in BITS:
        return _shifted(name, first, arguments[1])
    source, to, target = name.partition("_TO_")
    if to and len(arguments) == 1 and {source, target} <= ELEMENTARY.keys():
        return _converted(tokens, first, ELEMENTARY[source], ELEMENTARY[target])
    raise tokens.wrong(f"{name} is not in the subset with these arguments")


def _shifted(name: str, operand: Expression, by: Expression) -> Expression:
    value, count = operand.value, by.value
    assert isinstance(operand.type, Elementary)
    mask = operand.type.most
    if name == "SHL":
        return Expression(operand.type, lambda frame: value(frame) << count(frame) & mask)
    return Expression(operand.type, lambda frame: value(frame) >> count(frame))


def _converted(
    tokens: Tokens, operand: Expression, source: Elementary, target: Elementary
) -> Expression:
    """To a bit string: the bits as they are, of a longer one the lower ones; to an integer: the
    same number, which must be one of its type."""
    if operand.type != source:
        raise tokens.wrong(f"{operand.type} is no {source}")
    value = operand.value
    if target in BITS:
        mask = target.most
        return Expression(target, lambda frame: value(frame) & mask)

    def checked(frame: Frame) -> int:
        number: int = value(frame)
        if not target.least <= number <= target.most:
            raise StError(f"{number} of {source} is no {target}")
        return number

    return Expression(target, checked)
