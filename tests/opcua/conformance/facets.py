"""The part of docs/conformance.md that a run of the probes writes: profiles, and facet by facet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.opcua.conformance.asked import Row
from tests.opcua.conformance.space import Found

__all__ = ["BEGINS", "ENDS", "UNITS", "marks", "own_words", "section"]

BEGINS: Final = "## Profiles\n"
ENDS: Final = "## Elsewhere\n"
"""The headings in docs/conformance.md between which all is written by a run."""

CLIENTS: Final = "(node-opcua)", "(asyncua)"
ORDER: Final = (
    "Core 2022 Server, Base Server Behaviour",
    "Discovery",
    "View Basic 2, TranslateBrowsePath, RegisterNodes",
    "Attribute Read, Attribute Write",
    "Method",
    "Standard DataChange Subscription 2017",
    "Enhanced DataChange Subscription 2017",
    "Data Access",
    "Subscription Transfer",
    "Standard Event Subscription",
    "Security",
    "Diagnostics",
    "History",
    "Not offered by this server",
)

SUBSCRIPTION: Final = {
    "Monitor Basic, Monitor Value Change": (
        "initial_value",
        "unchanged_value",
        "modify_item",
        "sampling_mode",
        "item_range",
        "item_timestamps",
        "unknown_item",
    ),
    "Subscription Basic": (
        "keep_alive",
        "modify_subscription",
        "publishing_off",
        "republish",
        "fast_publishing",
        "no_subscription",
    ),
    "Subscription Minimum, Publish Min": ("five_subscriptions",),
    "Subscription PublishRequest Queue Overflow": ("too_many_publish",),
}
UNITS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "MicroEmbeddedDevice2017": {
        "Address Space Base": ("object_attributes", "read_unknown"),
        "Address Space Atomicity, Full Array Only": ("access_level_ex",),
        "Attribute Read": (
            "timestamps",
            "read_range",
            "read_range_of_text",
            "read_range_without_data",
            "read_encoding",
            "read_not_readable",
        ),
        "Base Info Core Structure, Server Capabilities": (
            "service_level",
            "read_of_status",
            "limits_told",
            "array_limits",
        ),
        "Discovery Find Servers Self, Get Endpoints": ("find_servers", "get_endpoints"),
        "Security: User Token User Name Password": ("user_name", "wrong_password", "unknown_user"),
        "Session Base, General Service Behaviour, Minimum 2 Parallel": (
            "not_activated",
            "session_timeout",
            "read_nothing",
            "read_max_age",
            "read_limit",
            "random_tokens",
            "bound_tokens",
        ),
        "View Basic 2, Minimum Continuation Point 01": (
            "pages",
            "released_point",
            "result_mask",
            "node_class_mask",
            "inverse",
            "subtypes",
            "views",
            "nothing_to_browse",
            "too_many_browsed",
        ),
        "View TranslateBrowsePath, RegisterNodes": ("browse_path", "registered"),
        **SUBSCRIPTION,
    },
    "StandardDataChangeSubscription2017": {
        **SUBSCRIPTION,
        "Base Info GetMonitoredItems Method": ("get_monitored_items",),
        "Base Info ResendData Method": ("resend_data",),
        "Method Call": ("call",),
        "Monitor MinQueueSize_02": ("queue_overflow", "discard_newest"),
        "Monitor Triggering": ("triggering",),
        "Monitored Items Deadband Filter": ("absolute_deadband", "deadband_of_text"),
    },
    "EnhancedDataChangeSubscription2017": {
        "Monitor Items 500, MinQueueSize_05": ("five_hundred",),
        "Subscription Minimum 05, Publish Min 10": ("five_subscriptions",),
    },
    "StandardEventSubscription": {
        "Address Space Events": ("server_is_notifier", "events", "root_notifier", "event_fields"),
        "Monitor Events, Basic": ("select_results", "no_filter"),
        "Monitor Event Filter: the operators of the facet": (
            "of_type",
            "equals",
            "like",
            "greater",
            "between",
            "in_list",
            "is_null",
            "not",
            "bitwise_and",
            "bitwise_or",
            "cast",
        ),
        "Base Info EventQueueOverflow EventType": ("event_overflow",),
    },
    "Methods": {
        "Address Space Method, Method Call": (
            "call",
            "call_few",
            "call_many",
            "call_wrong_type",
            "call_not_executable",
            "call_unknown",
        ),
    },
}
"""The conformance units of each profile that ServerProfileArray names (OPC 10000-7 1.04, 6.6),
those that are optional left out, and the probes that show them."""

INTRODUCTION: Final = """
`ServerProfileArray` names these profiles of OPC 10000-7 (`http://opcfoundation.org/UA-Profile/Server/`
before each), because the probes below show the conformance units that they require. SecurityPolicy
None is supported, and offered where `security` names it alone:

"""
ASKED: Final = """
## Facets

Each row is one question of `tests/opcua/conformance`, put to our server and to asyncua 2.1's server
with the same address space in one run, by node-opcua or, where it can't send that, by asyncua's
client. **yes**: as the specification has it; else the cell says what is answered.
`test_the_page_says_what_a_run_shows` compares, and `python -m tests.opcua.conformance` writes this
part anew. asyncua's secured server has a validator with a list of trusted certificates, and
asyncua's own user manager.
"""


def section(rows: Sequence[Row]) -> str:
    """Return the part of the page, from `BEGINS` up to `ENDS`."""
    lines = [BEGINS.rstrip(), *INTRODUCTION.splitlines()]
    lines += ["| profile | conformance units | probes |", "|---|---|---|"]
    for profile, units in UNITS.items():
        for unit, probes in units.items():
            named = ", ".join(f"`{one}`" for one in probes)
            lines.append(f"| {profile} | {unit} | {named} |")
    lines += ASKED.splitlines()
    for facet in ORDER:
        lines += ["", f"### {facet}", "", "| asked | tracenode | asyncua 2.1 | probe |"]
        lines.append("|---|---|---|---|")
        lines += [_line(row) for row in rows if row.facet == facet]
    return "\n".join(lines) + "\n\n"


def _line(row: Row) -> str:
    cells = row.unit, _cell(row.ours), _cell(row.stock), f"`{row.probe}` ({row.client})"
    return f"| {' | '.join(cells)} |"


def _cell(found: Found) -> str:
    words = found.words.replace("|", "/")
    return f"{found.mark}: {words}" if words else found.mark


def _cells(text: str) -> list[list[str]]:
    cut = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [cells for cells in cut if len(cells) == 4 and cells[3].endswith(CLIENTS)]


def marks(text: str) -> dict[str, tuple[str, str]]:
    """Return both marks by probe, as a section has them."""
    return {
        cells[3]: (cells[1].partition(":")[0], cells[2].partition(":")[0]) for cells in _cells(text)
    }


def own_words(text: str) -> dict[str, str]:
    """Return what our server does, by probe, as a section has it."""
    return {cells[3]: cells[1] for cells in _cells(text)}
