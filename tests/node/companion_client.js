"use strict";
// A client that knows DI and AutoID: looks for devices in DeviceSet, and hears what readers read.
//   node companion_client.js ENDPOINT
const opcua = require("node-opcua");
const { AttributeIds, ClientMonitoredItem, ClientSubscription } = opcua;

const ENDPOINT = process.argv[2];
const READERS = ["Scanner_OP10", "Gate"];
const FIELDS = ["EventType", "DeviceName", "ScanResult"];

function plain(value) {
    return JSON.parse(
        JSON.stringify(value, (key, held) => (key === "schema" || held === null ? undefined : held))
    );
}

async function devices(session, di) {
    const result = await session.browse({
        nodeId: `ns=${di};i=5001`,
        referenceTypeId: "HierarchicalReferences",
        includeSubtypes: true,
        browseDirection: 0,
        resultMask: 63,
    });
    return result.references.map((found) => found.browseName.name);
}

async function heard(session, subscription, autoId) {
    const filter = opcua.constructEventFilter(
        ["EventType", `${autoId}:DeviceName`, `${autoId}:ScanResult`],
        opcua.ofType(opcua.resolveNodeId(`ns=${autoId};i=1004`))
    );
    const item = ClientMonitoredItem.create(
        subscription,
        { nodeId: "i=2253", attributeId: AttributeIds.EventNotifier },
        { filter, queueSize: 100, discardOldest: true }
    );
    const found = {};
    await new Promise((done) => {
        item.on("changed", async (values) => {
            const event = Object.fromEntries(FIELDS.map((name, i) => [name, values[i].value]));
            event.EventType = event.EventType.toString();
            found[event.DeviceName] = event;
            if (READERS.every((name) => found[name])) {
                done();
            }
        });
    });
    for (const event of Object.values(found)) {
        await session.extractNamespaceDataType?.();
        event.ScanResult = plain(event.ScanResult);
    }
    return found;
}

async function main() {
    const client = opcua.OPCUAClient.create({ endpointMustExist: false });
    await client.connect(ENDPOINT);
    const session = await client.createSession();
    const namespaces = await session.readNamespaceArray();
    const di = namespaces.indexOf("http://opcfoundation.org/UA/DI/");
    const autoId = namespaces.indexOf("http://opcfoundation.org/UA/AutoID/");
    const subscription = ClientSubscription.create(session, {
        requestedPublishingInterval: 50,
        requestedLifetimeCount: 1000,
        requestedMaxKeepAliveCount: 10,
        publishingEnabled: true,
    });
    const answer = { devices: await devices(session, di) };
    answer.events = await heard(session, subscription, autoId);
    const names = ["DeviceStatus", "ScanActive", "LastScanData"];
    const nodes = names.map((name) => `ns=3;s=Dev/Scanner_OP10.AutoId.${name}`);
    const values = await session.read(nodes.map((nodeId) => ({ nodeId, attributeId: 13 })));
    answer.status = Object.fromEntries(names.map((name, i) => [name, values[i].value.value]));
    console.log(JSON.stringify(answer));
    await subscription.terminate();
    await session.close();
    await client.disconnect();
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
