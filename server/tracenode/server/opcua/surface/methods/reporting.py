"""The method of Quality that issues reports (SEMANTICS S15)."""

from __future__ import annotations

import json
from dataclasses import replace

from tracenode.models.questions import parse_question, question_fields
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.booking import requester
from tracenode.server.opcua.surface.methods.limits import QUESTION_TIME
from tracenode.server.opcua.surface.methods.questions import question_of
from tracenode.server.trace import Trace

__all__ = ["ReportMethods"]

QUALITY = "Quality"


class ReportMethods:
    """The handler of IssueReport."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {"IssueReport": self.issue_report}

    async def issue_report(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        name: str | None,
        question: str | None,
        arguments_json: str | None,
    ) -> dict[str, object]:
        """The answer itself is asked for by QueryJson, with what PinnedJson says."""
        asked = question_of(question or "", arguments_json or "{}")
        asked = replace(asked, deadline_s=min(asked.deadline_s, QUESTION_TIME))
        report, receipt = await self._trace.issue_report(
            asked, name or "", requester(call, QUALITY), request_id or ""
        )
        if receipt.refused:
            return {"status_text": receipt.text, "status": int(receipt.status)}
        pinned = replace(parse_question(report.question), as_known_at=report.known)
        return {
            "report_id": receipt.record,
            "digest": report.digest,
            "pinned_json": json.dumps(question_fields(pinned), ensure_ascii=False),
            "status_text": receipt.text,
            "status": int(receipt.status),
        }
