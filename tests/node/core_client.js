"use strict";
// Uses the sample server of tests/opcua/core and prints what it saw as JSON.
//   node core_client.js ENDPOINT
const opcua = require("node-opcua");
const { DataType, VariantArrayType, AttributeIds, ClientSubscription, ClientMonitoredItem } = opcua;

const BOOK = "ns=3;s=St/OP10.Book";
const STATE = "ns=3;s=Item/SN00300#State";

function booking(itemId, changed = {}) {
    const given = {
        RequestId: { dataType: DataType.String, value: "r1" },
        ItemId: { dataType: DataType.String, value: itemId },
        Reason: { dataType: DataType.String, value: "because" },
        Quantity: { dataType: DataType.Double, value: 1.5 },
        Count: { dataType: DataType.Int32, value: 3 },
        Values: { dataType: DataType.Double, arrayType: VariantArrayType.Array, value: [1, 2] },
        ...changed,
    };
    return Object.values(given);
}

function call(session, inputArguments, methodId = BOOK) {
    return session.call({ objectId: "ns=3;s=St/OP10", methodId, inputArguments });
}

function answer(result) {
    return {
        status: result.statusCode.name,
        arguments: (result.inputArgumentResults || []).map((code) => code.name),
        outputs: (result.outputArguments || []).map((variant) =>
            ArrayBuffer.isView(variant.value) || Array.isArray(variant.value)
                ? [...variant.value]
                : variant.value
        ),
    };
}

async function pages(session) {
    const seen = [];
    let count = 1;
    let result = await session.browse({
        nodeId: "ns=3;s=Items",
        referenceTypeId: "HierarchicalReferences",
        includeSubtypes: true,
        browseDirection: opcua.BrowseDirection.Forward,
        resultMask: 63,
    });
    for (;;) {
        seen.push(...result.references.map((reference) => reference.browseName.name));
        if (!result.continuationPoint || !result.continuationPoint.length) break;
        result = await session.browseNext(result.continuationPoint, false);
        count += 1;
    }
    return { count, units: seen.length, distinct: new Set(seen).size, last: seen.at(-1) };
}

async function subscribe(session) {
    return ClientSubscription.create(session, {
        requestedPublishingInterval: 50,
        requestedMaxKeepAliveCount: 10,
        requestedLifetimeCount: 100,
        maxNotificationsPerPublish: 1000,
        publishingEnabled: true,
        priority: 1,
    });
}

function until(emitter, event, condition) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${event} in time`)), 8000);
        emitter.on(event, (value) => {
            if (!condition(value)) return;
            clearTimeout(timer);
            resolve(value);
        });
    });
}

async function watchState(session, subscription) {
    const item = ClientMonitoredItem.create(
        subscription,
        { nodeId: STATE, attributeId: AttributeIds.Value },
        { samplingInterval: 0, queueSize: 10, discardOldest: true },
        opcua.TimestampsToReturn.Both
    );
    const first = await until(item, "changed", () => true);
    const changed = until(item, "changed", (value) => value.value.value === "Completed");
    const reason = { Reason: { dataType: DataType.String, value: "Completed" } };
    await call(session, booking("SN00300", reason));
    return [first.value.value, (await changed).value.value];
}

async function hear(session, subscription, nodeId) {
    const names = ["EventId", "SourceName", "Time", "Message", "Severity", "EventSequence"];
    const own = ["ItemId", "Evaluation", "Nonsense"];
    const filter = opcua.constructEventFilter(
        [...names, ...own],
        opcua.ofType(opcua.resolveNodeId("ns=2;i=1010"))
    );
    const item = ClientMonitoredItem.create(
        subscription,
        { nodeId, attributeId: AttributeIds.EventNotifier },
        { samplingInterval: 0, queueSize: 100, discardOldest: true, filter }
    );
    await until(item, "initialized", () => true);
    const heard = until(item, "changed", () => true);
    await call(session, booking("EVENT"));
    const fields = (await heard).map((variant) => variant.value);
    return {
        id: fields[0].toString(),
        source: fields[1],
        time: fields[2].toISOString(),
        message: fields[3].text,
        severity: fields[4],
        sequence: Number(fields[5][1]),
        item: fields[6],
        evaluation: fields[7],
        nonsense: fields[8] === undefined ? null : fields[8],
    };
}

async function picoseconds(session) {
    const sourceTimestamp = new Date("2026-01-02T03:04:05.678Z");
    const nodeId = "ns=3;s=St/OP20.Current.ItemId";
    const status = await session.write({
        nodeId,
        attributeId: AttributeIds.Value,
        value: {
            value: { dataType: DataType.String, value: "SN9" },
            statusCode: opcua.StatusCodes.Good,
            sourceTimestamp,
            sourcePicoseconds: 1230,
            serverTimestamp: sourceTimestamp,
            serverPicoseconds: 4560,
        },
    });
    const read = await session.read({ nodeId, attributeId: AttributeIds.Value });
    return { status: status.name, time: read.sourceTimestamp.toISOString(), value: read.value.value };
}

async function slow(session) {
    const started = Date.now();
    let ended = false;
    const calling = call(session, booking("SLOW")).then(() => (ended = true));
    await session.read({ nodeId: "ns=3;s=St/OP10.StationId", attributeId: AttributeIds.Value });
    const before = !ended;
    const readMs = Date.now() - started;
    await calling;
    return { readBeforeAnswer: before, readMs };
}

async function main(endpoint) {
    const client = opcua.OPCUAClient.create({
        applicationName: "core client",
        endpointMustExist: false,
        connectionStrategy: { maxRetry: 1 },
    });
    await client.connect(endpoint);
    const session = await client.createSession();
    const seen = {};
    seen.pages = await pages(session);
    const path = opcua.makeBrowsePath("RootFolder", "/Objects/3:Plant/3:Items/3:SN11999/3:State");
    const found = await session.translateBrowsePath(path);
    seen.path = found.targets.map((target) => target.targetId.toString());
    const state = await session.read({ nodeId: seen.path[0], attributeId: AttributeIds.Value });
    seen.state = state.value.value;
    seen.declared = (await session.getArgumentDefinition(opcua.resolveNodeId(BOOK))).inputArguments.map(
        (argument) => argument.name
    );
    seen.booked = answer(await call(session, booking("SN1")));
    seen.byType = answer(await call(session, booking("SN1"), "ns=2;i=7001"));
    seen.held = answer(await call(session, booking("HELD")));
    const wrong = { Count: { dataType: DataType.String, value: "3" } };
    seen.mismatch = answer(await call(session, booking("SN1", wrong)));
    seen.few = answer(await call(session, booking("SN1").slice(1)));
    seen.slow = await slow(session);
    seen.picoseconds = await picoseconds(session);
    const subscription = await subscribe(session);
    seen.watched = await watchState(session, subscription);
    seen.fromStation = await hear(session, subscription, "ns=3;s=St/OP10");
    seen.fromServer = await hear(session, subscription, "i=2253");
    await subscription.terminate();
    await session.close();
    await client.disconnect();
    console.log(JSON.stringify(seen));
}

main(...process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exit(1);
});
