"use strict";
// Events and their filters. Line.Emit emits a DeviceFailureEventType of severity 500 with a message.
const opcua = require("node-opcua");
const { AttributeIds, DataType, FilterOperator } = opcua;
const { LINE, SERVER, emit, no, part, same, subscribed, yes } = require("./asking");

const EVENTS = "Standard Event Subscription";
const SYSTEM_EVENT = "i=2130"; // the parent of DeviceFailureEventType

function select(...names) {
    return names.map((name) => ({
        typeDefinitionId: "i=2041",
        browsePath: [{ name }],
        attributeId: AttributeIds.Value,
    }));
}

const field = (name) => new opcua.SimpleAttributeOperand(select(name)[0]);
const literal = (dataType, value) => new opcua.LiteralOperand({ value: { dataType, value } });
const text = (value) => literal(DataType.String, value);
const number = (value) => literal(DataType.UInt16, value);
const element = (filterOperator, ...filterOperands) => ({ filterOperator, filterOperands });

// the messages that are told of these that are emitted, through a where clause
function toldOf({ session }, messages, elements = [], notifier = LINE) {
    return subscribed(session, async (subscription) => {
        const filter = new opcua.EventFilter({ selectClauses: select("Message"), whereClause: { elements } });
        const item = await subscription.watch(notifier, 1, { filter, queueSize: 100 }, { attributeId: AttributeIds.EventNotifier });
        if (!item.statusCode.isGood()) return item.statusCode.name;
        for (const message of messages) await emit(session, message);
        const told = (await subscription.events()).map(([message]) => message && message.text);
        return told.filter((message) => !message || messages.includes(message)); // audit events come too
    });
}

async function filtered(context, wanted, ...elements) {
    const told = await toldOf(context, ["yes", "other"], elements);
    return same(told, wanted, Array.isArray(told) ? `tells ${told.join() || "nothing"}` : told);
}

module.exports = [
    ["events", EVENTS, "events of a notifier", async (context) => same(await toldOf(context, ["hello"]), ["hello"])],
    ["root_notifier", EVENTS, "events at the Server object", async (context) =>
        same(await toldOf(context, ["hello"], [], SERVER), ["hello"], "tells none of its notifiers")],
    ["event_fields", EVENTS, "mandatory fields", ({ session }) =>
        subscribed(session, async (subscription) => {
            const filter = new opcua.EventFilter({ selectClauses: select("EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "Severity") });
            await subscription.watch(LINE, 1, { filter }, { attributeId: AttributeIds.EventNotifier });
            await emit(session, "fields");
            const [found] = await subscription.events();
            const held = found && found.every((value) => value !== null && value !== undefined);
            return same([held, found && found[2].toString(), found && found[6]], [true, LINE, 500]);
        })],
    ["select_results", EVENTS, "a result for each select clause", ({ session }) =>
        subscribed(session, async (subscription) => {
            const filter = new opcua.EventFilter({ selectClauses: select("Message", "Nonsense") });
            const item = await subscription.watch(LINE, 1, { filter }, { attributeId: AttributeIds.EventNotifier });
            const codes = item.filterResult && (item.filterResult.selectClauseResults || []).map((one) => one.name);
            if (!codes || !codes.length) return no("gives none");
            return same(codes, ["Good", "BadNodeIdUnknown"], `gives ${codes}`);
        })],
    ["of_type", EVENTS, "OfType, with subtypes", (context) =>
        filtered(context, ["yes", "other"], element(FilterOperator.OfType, literal(DataType.NodeId, opcua.resolveNodeId(SYSTEM_EVENT))))],
    ["equals", EVENTS, "Equals", (context) => filtered(context, ["yes"], element(FilterOperator.Equals, field("Message"), literal(DataType.LocalizedText, { text: "yes" })))],
    ["like", EVENTS, "Like", async (context) => {
        const like = (pattern) => toldOf(context, ["a"], [element(FilterOperator.Like, field("SourceName"), text(pattern))]);
        const found = [await like("Li%"), await like("X%")];
        return same(found, [["a"], []], `tells ${found.flat().join() || "nothing"}`);
    }],
    ["greater", EVENTS, "GreaterThan, LessThanOrEqual", async (context) => {
        const above = await toldOf(context, ["a"], [element(FilterOperator.GreaterThan, field("Severity"), number(499))]);
        const below = await toldOf(context, ["a"], [element(FilterOperator.LessThanOrEqual, field("Severity"), number(499))]);
        return same([above, below], [["a"], []]);
    }],
    ["between", EVENTS, "Between", async (context) => {
        const between = (low, high) => toldOf(context, ["a"], [element(FilterOperator.Between, field("Severity"), number(low), number(high))]);
        return same([await between(400, 500), await between(1, 400)], [["a"], []]);
    }],
    ["in_list", EVENTS, "InList", (context) => filtered(context, ["yes", "other"], element(FilterOperator.InList, field("Severity"), number(400), number(500)))],
    ["is_null", EVENTS, "IsNull", (context) =>
        filtered(context, ["yes", "other"], element(FilterOperator.Not, new opcua.ElementOperand({ index: 1 })), element(FilterOperator.IsNull, field("SourceName")))],
    ["not", EVENTS, "Not, And, Or", (context) =>
        filtered(
            context,
            ["yes", "other"],
            element(FilterOperator.And, new opcua.ElementOperand({ index: 1 }), new opcua.ElementOperand({ index: 2 })),
            element(FilterOperator.Not, new opcua.ElementOperand({ index: 3 })),
            element(FilterOperator.Or, new opcua.ElementOperand({ index: 3 }), new opcua.ElementOperand({ index: 4 })),
            element(FilterOperator.GreaterThan, field("Severity"), number(600)),
            element(FilterOperator.GreaterThan, field("Severity"), number(400))
        )],
    ["bitwise_and", EVENTS, "BitwiseAnd", (context) =>
        filtered(
            context,
            ["yes", "other"],
            element(FilterOperator.Equals, new opcua.ElementOperand({ index: 1 }), number(0x1f0)),
            element(FilterOperator.BitwiseAnd, field("Severity"), number(0x1f0))
        )],
    ["bitwise_or", EVENTS, "BitwiseOr", (context) =>
        filtered(
            context,
            ["yes", "other"],
            element(FilterOperator.Equals, new opcua.ElementOperand({ index: 1 }), number(0x1ff)),
            element(FilterOperator.BitwiseOr, field("Severity"), number(0x0f))
        )],
    ["cast", EVENTS, "Cast", (context) =>
        filtered(
            context,
            ["yes", "other"],
            element(FilterOperator.Equals, new opcua.ElementOperand({ index: 1 }), text("500")),
            element(FilterOperator.Cast, field("Severity"), literal(DataType.NodeId, opcua.resolveNodeId("i=12")))
        )],
    ["wrong_operator", EVENTS, "InView", async (context) => {
        const told = await toldOf(context, ["a"], [element(FilterOperator.InView, literal(DataType.NodeId, opcua.resolveNodeId(LINE)))]);
        return typeof told === "string" ? no(told) : no(`accepts it, tells ${told.join() || "nothing"}`);
    }],
    ["event_overflow", EVENTS, "EventQueueOverflowEventType", ({ session }) =>
        subscribed(session, async (subscription) => {
            const filter = new opcua.EventFilter({ selectClauses: select("EventType") });
            await subscription.watch(LINE, 1, { filter, queueSize: 2 }, { attributeId: AttributeIds.EventNotifier });
            for (const message of ["a", "b", "c", "d"]) await emit(session, message);
            const types = (await subscription.events()).map(([one]) => one && one.toString());
            return types.includes("ns=0;i=3035") ? yes() : no(`tells ${types.length} of 4, and no loss`);
        }, { requestedPublishingInterval: 500 })],
    ["no_filter", EVENTS, "an event item without an event filter is refused", ({ session }) =>
        subscribed(session, async (subscription) => {
            const item = await subscription.watch(LINE, 1, {}, { attributeId: AttributeIds.EventNotifier });
            return item.statusCode.isGood() ? part("accepts it") : yes();
        })],
];
