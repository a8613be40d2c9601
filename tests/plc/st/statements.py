"""Statements, compiled into closures over a frame while they are parsed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Final

from tests.plc.st.expressions import (
    Expression,
    Names,
    Place,
    compile_expression,
    compile_place,
)
from tests.plc.st.tokens import Tokens
from tests.plc.st.types import BOOL, INTS, Array, Block, Frame, Struct, fits

__all__ = ["Run", "compile_statements"]

Run = Callable[[Frame], None]
ENDS: Final = (
    *("END_IF", "ELSIF", "ELSE", "END_FOR", "END_CASE"),
    *("END_FUNCTION", "END_FUNCTION_BLOCK", "END_PROGRAM"),
)


def compile_statements(tokens: Tokens, names: Names) -> Run:
    """Compile up to a word that ends a list of statements, or to the next label of a CASE.

    Raises:
        StError: something is not in the subset, or its types do not fit.
    """
    steps: list[Run] = []
    while not tokens.is_(*ENDS) and tokens.next.kind != "number":
        steps.append(_statement(tokens, names))
    return _all(steps)


def _all(steps: Sequence[Run]) -> Run:
    def run(frame: Frame) -> None:
        for step in steps:
            step(frame)

    return run


def _statement(tokens: Tokens, names: Names) -> Run:
    if tokens.skip("IF"):
        run = _if(tokens, names)
    elif tokens.skip("CASE"):
        run = _case(tokens, names)
    elif tokens.skip("FOR"):
        run = _for(tokens, names)
    else:
        place = compile_place(tokens, names)
        run = _call(tokens, names, place) if tokens.is_("(") else _assign(tokens, names, place)
    tokens.take(";")
    return run


def _assign(tokens: Tokens, names: Names, place: Place) -> Run:
    tokens.take(":=")
    return _moved(tokens, place, compile_expression(tokens, names))


def _moved(tokens: Tokens, place: Place, source: Expression) -> Run:
    literal = source.known is not None and fits(source.known, place.type)
    if source.type != place.type and not literal:
        found = source.type if source.known is None else source.known
        raise tokens.wrong(f"{found} is assigned to {place.type}")
    value, put = source.value, place.put
    if isinstance(place.type, Array | Struct):
        return lambda frame: put(frame, deepcopy(value(frame)))
    return lambda frame: put(frame, value(frame))


def _condition(tokens: Tokens, names: Names, word: str) -> Callable[[Frame], Any]:
    condition = compile_expression(tokens, names)
    if condition.type != BOOL:
        raise tokens.wrong(f"{condition.type} is no condition")
    tokens.take(word)
    return condition.value


def _if(tokens: Tokens, names: Names) -> Run:
    branches = [(_condition(tokens, names, "THEN"), compile_statements(tokens, names))]
    otherwise: Run = _all(())
    while (word := tokens.take("ELSIF", "ELSE", "END_IF")) != "END_IF":
        if word == "ELSE":
            otherwise = compile_statements(tokens, names)
        else:
            branches.append((_condition(tokens, names, "THEN"), compile_statements(tokens, names)))

    def run(frame: Frame) -> None:
        for condition, then in branches:
            if condition(frame):
                then(frame)
                return
        otherwise(frame)

    return run


def _case(tokens: Tokens, names: Names) -> Run:
    selector = compile_expression(tokens, names)
    if selector.type not in INTS:
        raise tokens.wrong(f"CASE of {selector.type}")
    tokens.take("OF")
    branches: dict[int, Run] = {}
    while tokens.next.kind == "number":
        label = tokens.number()
        tokens.take(":")
        branches[label] = compile_statements(tokens, names)
    tokens.take("END_CASE")
    value, nothing = selector.value, _all(())
    return lambda frame: branches.get(value(frame), nothing)(frame)


def _for(tokens: Tokens, names: Names) -> Run:
    counter = compile_place(tokens, names)
    tokens.take(":=")
    first = compile_expression(tokens, names)
    tokens.take("TO")
    last = compile_expression(tokens, names)
    tokens.take("DO")
    body = compile_statements(tokens, names)
    tokens.take("END_FOR")
    for bound in (first, last):
        if bound.type != counter.type and (
            bound.known is None or not fits(bound.known, counter.type)
        ):
            raise tokens.wrong(f"a bound of {bound.type} for a counter of {counter.type}")

    def run(frame: Frame) -> None:
        for number in range(first.value(frame), last.value(frame) + 1):
            counter.put(frame, number)
            body(frame)

    return run


def _call(tokens: Tokens, names: Names, place: Place) -> Run:
    block = place.type
    if not isinstance(block, Block):
        raise tokens.wrong(f"{block} can't be called")
    tokens.take("(")
    gives: list[Run] = []
    given: set[str] = set()
    while not tokens.is_(")"):
        name = tokens.name()
        tokens.take(":=")
        argument = compile_expression(tokens, names)
        if name not in block.inputs | block.in_outs:
            raise tokens.wrong(f"{block} has no input {name}")
        if name in block.in_outs and not isinstance(argument, Place):
            raise tokens.wrong(f"{name} is to be a variable")
        gives.append(_given(tokens, place, name, block, argument))
        given.add(name)
        if not tokens.skip(","):
            break
    tokens.take(")")
    if block.in_outs - given:
        raise tokens.wrong(f"{block} needs {', '.join(sorted(block.in_outs - given))}")
    held, body, give = place.value, block.run, _all(gives)

    def run(frame: Frame) -> None:
        give(frame)
        body(held(frame))

    return run


def _given(tokens: Tokens, place: Place, name: str, block: Block, argument: Expression) -> Run:
    held, type_ = place.value, block.variables[name]

    def put(frame: Frame, value: Any) -> None:
        held(frame)[name] = value

    target = Place(type_, held, put=put)
    if name not in block.in_outs:
        return _moved(tokens, target, argument)
    if argument.type != type_:
        raise tokens.wrong(f"{argument.type} for {name}, which is {type_}")
    shared = argument.value
    return lambda frame: put(frame, shared(frame))
