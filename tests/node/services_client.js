"use strict";
// Uses writable variables of the sample server of tests/opcua/core and prints what it saw as JSON.
//   node services_client.js ENDPOINT
const opcua = require("node-opcua");
const { AttributeIds, ClientMonitoredItem, ClientSubscription, DataType, MonitoringMode } = opcua;

const ITEM = "ns=3;s=St/OP20.Current.ItemId";
const LIMITS = "ns=3;s=St/OP20.Limits";

function write(session, nodeId, variant, indexRange) {
    return session.write({
        nodeId,
        attributeId: AttributeIds.Value,
        indexRange: indexRange && new opcua.NumericRange(indexRange),
        value: { value: variant },
    });
}

function text(value) {
    return { dataType: DataType.String, value };
}

function numbers(...values) {
    return { dataType: DataType.Double, arrayType: opcua.VariantArrayType.Array, value: values };
}

async function subscribe(session, publishing = 100) {
    return ClientSubscription.create(session, {
        requestedPublishingInterval: publishing,
        requestedMaxKeepAliveCount: 5,
        requestedLifetimeCount: 100,
        maxNotificationsPerPublish: 0,
        publishingEnabled: true,
        priority: 1,
    });
}

async function watch(subscription, nodeId, queueSize, mode = MonitoringMode.Reporting) {
    const item = ClientMonitoredItem.create(
        subscription,
        { nodeId, attributeId: AttributeIds.Value },
        { samplingInterval: 0, queueSize, discardOldest: true },
        opcua.TimestampsToReturn.Both,
        mode
    );
    item.seen = [];
    item.on("changed", (value) => item.seen.push(value));
    await new Promise((resolve) => item.once("initialized", resolve));
    return item;
}

async function until(what, condition) {
    const ends = Date.now() + 8000;
    while (!condition()) {
        if (Date.now() > ends) throw new Error(`no ${what} in time`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

function held(item) {
    return item.seen.map((value) => (ArrayBuffer.isView(value.value.value) ? [...value.value.value] : value.value.value));
}

async function ranged(session) {
    await write(session, LIMITS, numbers(1, 2, 3));
    const status = await write(session, LIMITS, numbers(9), "1");
    const whole = await session.read({ nodeId: LIMITS, attributeId: AttributeIds.Value });
    const range = new opcua.NumericRange("1:2");
    const part = await session.read({ nodeId: LIMITS, attributeId: AttributeIds.Value, indexRange: range });
    return { status: status.name, whole: [...whole.value.value], part: [...part.value.value] };
}

async function overflow(session) {
    const subscription = await subscribe(session, 1000);
    const item = await watch(subscription, ITEM, 2);
    for (const value of ["a", "b", "c"]) await write(session, ITEM, text(value));
    await until("overflow", () => item.seen.length >= 2);
    const seen = item.seen.map((value) => [value.value.value, value.statusCode.hasOverflowBit]);
    await subscription.terminate();
    return seen;
}

async function trigger(session) {
    await write(session, ITEM, text("idle"));
    const subscription = await subscribe(session);
    const button = await watch(subscription, ITEM, 5);
    const quiet = await watch(subscription, LIMITS, 5, MonitoringMode.Sampling);
    await until("first value", () => button.seen.length === 1);
    await subscription.setTriggering(button, [quiet], []);
    await write(session, LIMITS, numbers(7, 7, 7));
    const before = quiet.seen.length;
    await write(session, ITEM, text("pressed"));
    await until("triggered value", () => quiet.seen.length >= 2);
    await subscription.terminate();
    return { before, last: held(quiet).at(-1) };
}

async function transfer(endpoint, connect) {
    const [first, second] = [await connect(endpoint), await connect(endpoint)];
    const subscription = await subscribe(first.session);
    const item = await watch(subscription, ITEM, 5);
    await until("first value", () => item.seen.length === 1);
    const asked = { subscriptionIds: [subscription.subscriptionId], sendInitialValues: true };
    const ended = new Promise((resolve) => subscription.once("status_changed", (status) => resolve(status.name)));
    const answer = await second.session.transferSubscriptions(asked);
    const told = await ended;
    for (const one of [first, second]) {
        await one.session.close();
        await one.client.disconnect();
    }
    return { status: answer.results[0].statusCode.name, told };
}

async function connected(endpoint) {
    const client = opcua.OPCUAClient.create({
        applicationName: "services client",
        endpointMustExist: false,
        connectionStrategy: { maxRetry: 1 },
    });
    await client.connect(endpoint);
    return { client, session: await client.createSession() };
}

async function main(endpoint) {
    const { client, session } = await connected(endpoint);
    const seen = {};
    seen.ranged = await ranged(session);
    seen.overflow = await overflow(session);
    seen.trigger = await trigger(session);
    seen.transfer = await transfer(endpoint, connected);
    await session.close();
    await client.disconnect();
    console.log(JSON.stringify(seen));
}

main(...process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exit(1);
});
