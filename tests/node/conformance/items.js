"use strict";
// Monitored items and subscriptions of data changes.
const opcua = require("node-opcua");
const { DataChangeFilter, DataChangeTrigger, DeadbandType, MonitoringMode } = opcua;
const { SERVER, Subscription, call, member, no, part, plain, read, refusal, same, send, subscribed, variant, write } = require("./asking");

const CORE = "Core 2022 Server, Base Server Behaviour";
const STANDARD = "Standard DataChange Subscription 2017";
const ENHANCED = "Enhanced DataChange Subscription 2017";
const NUMBER = member("Number");
const TEXT = member("Text");
const ARRAY = member("Array");

function deadband(deadbandType, deadbandValue, trigger = DataChangeTrigger.StatusValue) {
    return new DataChangeFilter({ trigger, deadbandType, deadbandValue });
}

async function numbers(session, ...values) {
    for (const value of values) await write(session, NUMBER, variant.double(value));
}

async function texts(session, ...values) {
    for (const value of values) await write(session, TEXT, variant.text(value));
}

// what a subscription tells of these writes, with an item watched so
function toldOf(session, parameters, values) {
    return subscribed(session, async (subscription) => {
        await numbers(session, 0);
        const item = await subscription.watch(NUMBER, 1, parameters);
        if (!item.statusCode.isGood()) return item.statusCode.name;
        await subscription.values();
        await numbers(session, ...values);
        return subscription.values();
    });
}

const METHOD = { GetMonitoredItems: "i=11492", ResendData: "i=12873", SetSubscriptionDurable: "i=12749" };

async function calledOnServer(session, name, ...numbersGiven) {
    const given = numbersGiven.map((value) => ({ dataType: opcua.DataType.UInt32, value }));
    const found = await call(session, name, given, METHOD[name], SERVER);
    return [found.statusCode.name, (found.outputArguments || []).map((one) => plain(one.value))];
}

module.exports = [
    ["initial_value", STANDARD, "the first value, then changes", ({ session }) =>
        subscribed(session, async (subscription) => {
            await texts(session, "first");
            await subscription.watch(TEXT, 1);
            const first = await subscription.values();
            await texts(session, "second");
            return same([first, await subscription.values()], [["first"], ["second"]]);
        })],
    ["unchanged_value", STANDARD, "a value written again is no change", ({ session }) =>
        subscribed(session, async (subscription) => {
            await texts(session, "same");
            await subscription.watch(TEXT, 1);
            await subscription.values();
            await texts(session, "same");
            return same(await subscription.values(), [], "tells it again");
        })],
    ["absolute_deadband", STANDARD, "absolute deadband", async ({ session }) => {
        const told = await toldOf(session, { filter: deadband(DeadbandType.Absolute, 10) }, [5, 9, 11, 12]);
        return same(told, [11], `tells ${JSON.stringify(told)} of 5, 9, 11, 12 with a deadband of 10`);
    }],
    ["deadband_of_text", STANDARD, "a deadband of a text is refused", ({ session }) =>
        subscribed(session, async (subscription) => {
            const item = await subscription.watch(TEXT, 1, { filter: deadband(DeadbandType.Absolute, 10) });
            return same(item.statusCode.name, "BadFilterNotAllowed", "accepts it");
        })],
    ["percent_deadband", "Data Access", "percent deadband", async ({ session }) => {
        const told = await toldOf(session, { filter: deadband(DeadbandType.Percent, 10) }, [19, 21, 30]);
        return same(told, [21], typeof told === "string" ? told : `tells ${JSON.stringify(told)} of 19, 21, 30 with 10 % of 200`);
    }],
    ["queue_overflow", STANDARD, "a queue of two, the oldest discarded, overflow bit", ({ session }) =>
        subscribed(session, async (subscription) => {
            await texts(session, "start");
            await subscription.watch(TEXT, 1, { queueSize: 2 });
            await subscription.values();
            await texts(session, "a", "b", "c");
            const found = (await subscription.changes()).map((one) => [one.value, one.status.hasOverflowBit]);
            if (found.length === 2 && found[0][0] === "b" && !found[0][1]) return part("no overflow bit");
            return same(found, [["b", true], ["c", false]], `tells ${found.map(([value]) => value).join()} of a, b, c`);
        }, { requestedPublishingInterval: 300 })],
    ["discard_newest", STANDARD, "the newest discarded", ({ session }) =>
        subscribed(session, async (subscription) => {
            await texts(session, "start");
            await subscription.watch(TEXT, 1, { queueSize: 2, discardOldest: false });
            await subscription.values();
            await texts(session, "a", "b", "c");
            const found = await subscription.values();
            return same(found, ["a", "c"], `tells ${found.join()} of a, b, c`);
        }, { requestedPublishingInterval: 300 })],
    ["triggering", STANDARD, "SetTriggering", ({ session }) =>
        subscribed(session, async (subscription) => {
            const button = await subscription.watch(TEXT, 1);
            const quiet = await subscription.watch(ARRAY, 2, {}, { mode: MonitoringMode.Sampling });
            await subscription.values();
            await send(session, new opcua.SetTriggeringRequest({
                subscriptionId: subscription.id,
                triggeringItemId: button.monitoredItemId,
                linksToAdd: [quiet.monitoredItemId],
            }));
            await write(session, ARRAY, variant.doubles(4, 5, 6));
            await texts(session, "pressed");
            const found = (await subscription.changes()).map((one) => one.handle);
            return same([...new Set(found)].sort(), [1, 2], "tells the triggering item alone");
        })],
    ["sampling_mode", STANDARD, "SetMonitoringMode", ({ session }) =>
        subscribed(session, async (subscription) => {
            const item = await subscription.watch(TEXT, 1, {}, { mode: MonitoringMode.Disabled });
            const none = await subscription.values();
            const request = { subscriptionId: subscription.id, monitoredItemIds: [item.monitoredItemId] };
            await send(session, new opcua.SetMonitoringModeRequest({ ...request, monitoringMode: MonitoringMode.Reporting }));
            const first = (await subscription.values()).length;
            await send(session, new opcua.SetMonitoringModeRequest({ ...request, monitoringMode: MonitoringMode.Disabled }));
            await texts(session, `unseen ${Date.now()}`);
            return same([none.length, first, (await subscription.values()).length], [0, 1, 0], "a disabled item is told");
        })],
    ["modify_item", STANDARD, "ModifyMonitoredItems", ({ session }) =>
        subscribed(session, async (subscription) => {
            await numbers(session, 0);
            const item = await subscription.watch(NUMBER, 1);
            await subscription.values();
            const requestedParameters = { clientHandle: 9, samplingInterval: 0, queueSize: 5, discardOldest: true, filter: deadband(DeadbandType.Absolute, 10) };
            await send(session, new opcua.ModifyMonitoredItemsRequest({
                subscriptionId: subscription.id,
                itemsToModify: [{ monitoredItemId: item.monitoredItemId, requestedParameters }],
            }));
            await numbers(session, 5, 50);
            const found = (await subscription.changes()).map((one) => [one.handle, one.value]);
            return same(found, [[9, 50]], `tells ${JSON.stringify(found)} of 5, 50 with a deadband of 10 and handle 9`);
        })],
    ["item_range", STANDARD, "an item with IndexRange", ({ session }) =>
        subscribed(session, async (subscription) => {
            await write(session, ARRAY, variant.doubles(1, 2, 3));
            const item = await subscription.watch(ARRAY, 1, {}, { indexRange: new opcua.NumericRange("1:2") });
            if (!item.statusCode.isGood()) return no(item.statusCode.name);
            return same(await subscription.values(), [[2, 3]], "tells the whole array");
        })],
    ["unknown_item", STANDARD, "an item of an unknown node is refused", ({ session }) =>
        subscribed(session, async (subscription) => same((await subscription.watch("ns=3;s=None", 1)).statusCode.name, "BadNodeIdUnknown"))],
    ["get_monitored_items", STANDARD, "GetMonitoredItems", ({ session, other }) =>
        subscribed(session, async (subscription) => {
            const item = await subscription.watch(TEXT, 7);
            const [code, outputs] = await calledOnServer(session, "GetMonitoredItems", subscription.id);
            if (code !== "Good") return no(code);
            const [strange] = await calledOnServer(other, "GetMonitoredItems", subscription.id);
            if (strange === "Good") return part("tells other sessions too");
            return same([outputs, strange], [[[item.monitoredItemId], [7]], "BadUserAccessDenied"]);
        })],
    ["resend_data", STANDARD, "ResendData", ({ session, other }) =>
        subscribed(session, async (subscription) => {
            await texts(session, "resent");
            await subscription.watch(TEXT, 7);
            await subscription.values();
            const [code] = await calledOnServer(session, "ResendData", subscription.id);
            if (code !== "Good") return no(code);
            const [strange] = await calledOnServer(other, "ResendData", subscription.id);
            return same([await subscription.values(), strange], [["resent"], "BadUserAccessDenied"]);
        })],
    ["keep_alive", STANDARD, "keep-alive messages", ({ session }) =>
        subscribed(session, async (subscription) => {
            const { notificationMessage } = await subscription.publish();
            return same((notificationMessage.notificationData || []).length, 0);
        })],
    ["fast_publishing", STANDARD, "a publishing interval below the least is revised", ({ session }) =>
        subscribed(session, async ({ made }) => {
            const revised = made.revisedPublishingInterval;
            return same(revised >= 50, true, `is accepted as ${revised} ms`);
        }, { requestedPublishingInterval: 1 })],
    ["publishing_off", STANDARD, "SetPublishingMode", ({ session }) =>
        subscribed(session, async (subscription) => {
            await subscription.watch(TEXT, 1);
            await subscription.values();
            const request = { subscriptionIds: [subscription.id] };
            await send(session, new opcua.SetPublishingModeRequest({ ...request, publishingEnabled: false }));
            await texts(session, `held ${Date.now()}`);
            const off = await subscription.values();
            await send(session, new opcua.SetPublishingModeRequest({ ...request, publishingEnabled: true }));
            return same([off.length, (await subscription.values()).length], [0, 1], "goes on telling");
        })],
    ["modify_subscription", STANDARD, "ModifySubscription", ({ session }) =>
        subscribed(session, async (subscription) => {
            await subscription.publish();
            await send(session, new opcua.ModifySubscriptionRequest({
                subscriptionId: subscription.id,
                requestedPublishingInterval: 1000,
                requestedLifetimeCount: 100,
                requestedMaxKeepAliveCount: 2,
            }));
            await subscription.watch(TEXT, 1);
            const began = Date.now();
            await subscription.values(1);
            return same(Date.now() - began > 400, true, "goes on with the old interval");
        })],
    ["republish", STANDARD, "Republish, until it is acknowledged", ({ session }) =>
        subscribed(session, async (subscription) => {
            await subscription.watch(TEXT, 1);
            const { notificationMessage } = await subscription.publish();
            const retransmitSequenceNumber = notificationMessage.sequenceNumber;
            const request = () => new opcua.RepublishRequest({ subscriptionId: subscription.id, retransmitSequenceNumber });
            const again = await send(session, request());
            await subscription.publish([{ subscriptionId: subscription.id, sequenceNumber: retransmitSequenceNumber }]);
            const gone = await refusal(send(session, request()));
            return same([again.notificationMessage.sequenceNumber, gone], [retransmitSequenceNumber, "BadMessageNotAvailable"], "gives it again after that");
        })],
    ["transfer", "Subscription Transfer", "TransferSubscriptions, with the values of now", async ({ session, other }) => {
        const subscription = await Subscription.on(session);
        await texts(session, "moved");
        await subscription.watch(TEXT, 1);
        await subscription.values();
        const request = new opcua.TransferSubscriptionsRequest({ subscriptionIds: [subscription.id], sendInitialValues: true });
        try {
            const { results } = await send(other, request);
            const moved = new Subscription(other, { subscriptionId: subscription.id });
            const told = await moved.values().catch(() => []);
            await moved.end();
            return same([results[0].statusCode.name, told], ["Good", ["moved"]], `${results[0].statusCode.name}; the new session is told ${told.join() || "nothing"}`);
        } finally {
            await subscription.end();
        }
    }],
    ["durable", "Not offered by this server", "Durable Subscription", ({ session }) =>
        subscribed(session, async (subscription) => no((await calledOnServer(session, "SetSubscriptionDurable", subscription.id, 1))[0]))],
    ["five_hundred", ENHANCED, "500 items, queues of 5", ({ session }) =>
        subscribed(session, async (subscription) => {
            const itemsToCreate = Array.from({ length: 500 }, (_, clientHandle) => ({
                itemToMonitor: { nodeId: TEXT, attributeId: opcua.AttributeIds.Value },
                monitoringMode: MonitoringMode.Reporting,
                requestedParameters: { clientHandle, samplingInterval: 0, queueSize: 5, discardOldest: true },
            }));
            const request = new opcua.CreateMonitoredItemsRequest({ subscriptionId: subscription.id, timestampsToReturn: 2, itemsToCreate });
            const { results } = await send(session, request);
            const queues = new Set(results.map((one) => one.revisedQueueSize));
            return same([(await subscription.values()).length, [...queues]], [500, [5]], `queues of ${[...queues]}`);
        })],
    ["five_subscriptions", ENHANCED, "5 subscriptions, 10 Publish requests", async ({ session }) => {
        const made = [];
        for (let count = 0; count < 5; count += 1) made.push(await Subscription.on(session));
        try {
            const answers = await Promise.all(Array.from({ length: 10 }, () => made[0].publish()));
            return same(answers.length, 10);
        } finally {
            for (const one of made) await one.end();
        }
    }],
    ["read_of_status", CORE, "a structure of the server, decoded", async ({ session }) => {
        const value = await read(session, "i=2256");
        return same(value.value.value.state, 0);
    }],
    ["other_sessions_items", "Security", "a subscription belongs to its session", ({ session, other }) =>
        subscribed(session, async (subscription) => {
            await subscription.watch(TEXT, 1);
            const { results } = await send(other, new opcua.DeleteSubscriptionsRequest({ subscriptionIds: [subscription.id] }));
            return same(results[0].name, "BadSubscriptionIdInvalid", results[0].name === "Good" ? "any session may delete it" : results[0].name);
        })],
];
