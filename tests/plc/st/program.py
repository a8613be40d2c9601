"""Declarations; a program that runs cycle by cycle."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from tests.plc.st.expressions import Function, Names
from tests.plc.st.statements import compile_statements
from tests.plc.st.tokens import StError, Tokens
from tests.plc.st.types import BOOL, ELEMENTARY, TIME, Array, Block, Frame, Struct, Type, initial

__all__ = ["Controller"]

SECTIONS: Final = ("VAR", "VAR_INPUT", "VAR_OUTPUT", "VAR_IN_OUT")


class Controller:
    """Runs one instance of the program of some sources; `now` is its clock in milliseconds."""

    def __init__(self, sources: Iterable[Path], program: str) -> None:
        """Compile; a source names only what sources before it declare.

        Raises:
            StError: something is not in the subset, or its types do not fit.
        """
        self.now = 0
        self._names = Names(types=dict(ELEMENTARY) | self._standard_blocks())
        for path in sources:
            tokens = Tokens(path.read_text(encoding="utf-8"), path.name)
            while tokens.next.kind != "end":
                self._unit(tokens)
        found = self._names.types[program.upper()]
        assert isinstance(found, Block)
        self._program = found
        self.variables: Frame = initial(found)

    def cycle(self, now: int) -> None:
        """Run the program once."""
        self.now = now
        self._program.run(self.variables)

    def power_up(self, *retained: str) -> None:
        """Begin anew; these variables of the program keep their values."""
        kept = {name.upper(): self.variables[name.upper()] for name in retained}
        self.variables = initial(self._program) | kept

    # ------------------------------------------------------------ declarations
    def _unit(self, tokens: Tokens) -> None:
        match tokens.take("TYPE", "VAR_GLOBAL", "FUNCTION", "FUNCTION_BLOCK", "PROGRAM"):
            case "TYPE":
                self._type(tokens)
            case "VAR_GLOBAL":
                self._constants(tokens)
            case "FUNCTION":
                self._function(tokens)
            case kind:
                self._block(tokens, f"END_{kind}")

    def _type(self, tokens: Tokens) -> None:
        name = tokens.name()
        tokens.take(":")
        tokens.take("STRUCT")
        members: dict[str, Type] = {}
        while not tokens.skip("END_STRUCT"):
            member, type_, _ = self._variable(tokens)
            members[member] = type_
        tokens.skip(";")
        tokens.take("END_TYPE")
        self._names.types[name] = Struct(name, members)

    def _constants(self, tokens: Tokens) -> None:
        tokens.take("CONSTANT")
        while not tokens.skip("END_VAR"):
            name, type_, value = self._variable(tokens)
            self._names.constants[name] = type_, value

    def _variable(self, tokens: Tokens) -> tuple[str, Type, Any]:
        name = tokens.name()
        tokens.take(":")
        type_ = self._type_of(tokens)
        value = initial(type_)
        if tokens.skip(":="):
            if type_ == BOOL:
                value = tokens.take("TRUE", "FALSE") == "TRUE"
            elif type_ == TIME:
                value = tokens.any().value
            else:
                value = tokens.number()
        tokens.take(";")
        return name, type_, value

    def _type_of(self, tokens: Tokens) -> Type:
        if not tokens.skip("ARRAY"):
            name = tokens.name()
            if name not in self._names.types:
                raise tokens.wrong(f"{name} is no type that is declared before")
            return self._names.types[name]
        tokens.take("[")
        least = tokens.number()
        tokens.take("..")
        most = tokens.number()
        tokens.take("]")
        tokens.take("OF")
        of = self._type_of(tokens)
        return Array(f"ARRAY[{least}..{most}] OF {of}", least, most, of)

    def _sections(self, tokens: Tokens, names: Names) -> dict[str, dict[str, Any]]:
        """Take the variables; return what each section begins with."""
        sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        while tokens.is_(*SECTIONS):
            section = tokens.take(*SECTIONS)
            tokens.skip("RETAIN")
            while not tokens.skip("END_VAR"):
                name, type_, value = self._variable(tokens)
                if name in names.variables or name in names.constants:
                    raise tokens.wrong(f"{name} is declared twice")
                names.variables[name] = type_
                sections[section][name] = value
        return sections

    def _inside(self) -> Names:
        names = self._names
        return Names({}, names.constants, names.functions, names.types)

    def _block(self, tokens: Tokens, end: str) -> None:
        name, names = tokens.name(), self._inside()
        sections = self._sections(tokens, names)
        run = compile_statements(tokens, names)
        tokens.take(end)
        begins = {
            variable: value
            for section in SECTIONS
            for variable, value in sections[section].items()
            if names.variables[variable] in ELEMENTARY.values()
        }
        inputs, outputs, in_outs = (
            frozenset(sections[f"VAR_{part}"]) for part in ("INPUT", "OUTPUT", "IN_OUT")
        )
        self._names.types[name] = Block(
            name, names.variables, inputs, in_outs, outputs, begins, run
        )

    def _function(self, tokens: Tokens) -> None:
        name, names = tokens.name(), self._inside()
        tokens.take(":")
        result = self._type_of(tokens)
        names.variables[name] = result
        sections = self._sections(tokens, names)
        run = compile_statements(tokens, names)
        tokens.take("END_FUNCTION")
        own = {name: initial(result)} | sections["VAR"]

        def call(given: Frame) -> Any:
            frame = deepcopy(own) | given
            run(frame)
            return frame[name]

        in_outs = {each: names.variables[each] for each in sections["VAR_IN_OUT"]}
        if sections["VAR_INPUT"]:
            raise StError(f"{name}: functions of the subset take VAR_IN_OUT only")
        self._names.functions[name] = Function(result, in_outs, call)

    # ------------------------------------------------------------ standard blocks
    def _standard_blocks(self) -> dict[str, Type]:
        def on_delay(frame: Frame) -> None:
            if not frame["IN"]:
                frame["SINCE"] = None
            elif frame["SINCE"] is None:
                frame["SINCE"] = self.now
            since = frame["SINCE"]
            frame["Q"] = since is not None and self.now - since >= frame["PT"]

        def rising(frame: Frame) -> None:
            frame["Q"] = frame["CLK"] and not frame["BEFORE"]
            frame["BEFORE"] = frame["CLK"]

        inputs, q = {"IN": BOOL, "PT": TIME}, frozenset(("Q",))
        ton = Block(
            *("TON", {**inputs, "Q": BOOL}, frozenset(inputs), frozenset(), q),
            {"SINCE": None},
            on_delay,
        )
        clk = frozenset(("CLK",))
        trigger = Block(
            *("R_TRIG", {"CLK": BOOL, "Q": BOOL}, clk, frozenset(), q),
            {"BEFORE": False},
            rising,
        )
        return {"TON": ton, "R_TRIG": trigger}
