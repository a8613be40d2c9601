"""Questions and answers as JSON texts, in pages where they are long: the method QueryJson."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, Final

from tracenode.models.answers import Asked
from tracenode.models.errors import MalformedRequest, TraceError
from tracenode.server.opcua.methods.arguments import MAX_STRING
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.limits import QUESTION_TIME
from tracenode.server.opcua.surface.methods.questions import question_of
from tracenode.server.trace import Trace

__all__ = ["MAX_TEXT", "JsonMethods", "KeptTexts"]

MAX_TEXT: Final = 500_000
"""Characters of an answer, or of one page of it."""
MAX_KEPT: Final = 32_000_000
"""Characters of all answers that are kept; the one that was used longest ago goes first."""
KEPT_S: Final = 600.0
"""Seconds after its last page for which an answer is kept."""
PAGE: Final = "FetchPage"
ARGUMENTS: Final = ("ResultId", "Offset")


@dataclass(slots=True)
class _Kept:
    text: str
    used: float


class KeptTexts:
    """Answers too long for one call, by the id that was given out. A kept answer never changes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def keep(self, text: str) -> str:
        """Keep a text and return how it is called for.

        Raises:
            MalformedRequest: it is longer than MAX_KEPT.
        """
        if len(text) > MAX_KEPT:
            expected = f"a question whose answer has at most {MAX_KEPT} characters"
            raise MalformedRequest("ArgumentsJson", expected, f"one of {len(text)}: ask for less")
        name = token_hex(8)
        self._kept[name] = _Kept(text, self._clock())
        self._forget_old()
        return name

    def page(self, name: str, offset: int) -> dict[str, Any]:
        """Return a page of a kept text.

        Raises:
            MalformedRequest: it is not kept, or not any more.
        """
        self._forget_old()
        kept = self._kept.get(name)
        if kept is None:
            found = f"{name!r}, which is not kept, or not any more: ask again"
            raise MalformedRequest("ResultId", "as QueryJson gave it", found)
        kept.used = self._clock()
        self._kept.move_to_end(name)
        text = kept.text[offset : offset + MAX_TEXT]
        ends = offset + len(text)
        return {
            "Truncated": ends < len(kept.text),
            "ResultId": name,
            "Offset": offset,
            "NextOffset": ends,
            "Total": len(kept.text),
            "Text": text,
        }

    def _forget_old(self) -> None:
        long_ago = self._clock() - KEPT_S
        while self._kept:
            name, oldest = next(iter(self._kept.items()))
            held = sum(len(kept.text) for kept in self._kept.values())
            if oldest.used >= long_ago and held <= MAX_KEPT:
                return
            del self._kept[name]


class JsonMethods:
    """The handler of QueryJson."""

    def __init__(self, trace: Trace) -> None:
        self._trace, self._kept = trace, KeptTexts()

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {"QueryJson": self.query_json}

    async def query_json(
        self, call: CallContext, *, name: str | None, arguments_json: str | None
    ) -> dict[str, object]:
        """The canonical answer; a page of it where it is long; what is wrong, as JSON too."""
        try:
            if name == PAGE:
                text = json.dumps(self._kept.page(*_page_of(arguments_json or "{}")))
            else:
                text = await self._answer(question_of(name or "", arguments_json or "{}"))
        except TraceError as refused:
            fault = {
                "kind": type(refused).__name__,
                "message": str(refused),
                "status": int(refused.status),
            }
            return {
                "json": json.dumps({"error": fault}, ensure_ascii=False),
                "status": int(refused.status),
                "status_text": str(refused)[:MAX_STRING],
            }
        return {"json": text}

    async def _answer(self, question: Asked) -> str:
        limit = min(question.deadline_s, QUESTION_TIME)
        said = await self._trace.say(replace(question, deadline_s=limit))
        if len(said) <= MAX_TEXT:
            return said.decode()
        text = await asyncio.to_thread(said.decode)
        return json.dumps(self._kept.page(self._kept.keep(text), 0), ensure_ascii=False)


def _page_of(arguments: str) -> tuple[str, int]:
    """Return result id and offset from the arguments of FetchPage.

    Raises:
        MalformedRequest: no JSON object, another argument, or a wrong value.
    """
    try:
        given = json.loads(arguments)
    except ValueError as e:
        raise MalformedRequest("ArgumentsJson", "a JSON object", str(e)) from e
    if not isinstance(given, dict) or given.keys() - set(ARGUMENTS):
        expected = "a JSON object with ResultId and Offset"
        raise MalformedRequest("ArgumentsJson", expected, arguments[:60])
    offset = given.get("Offset", 0)
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        raise MalformedRequest("Offset", "0 or more", repr(offset)[:60])
    return str(given.get("ResultId", "")), offset
