"use strict";
// A controller, an HMI and an MES in one: uses the plant of tests/opcua/surface and prints what it
// saw as JSON.
//   node surface_client.js ENDPOINT PUMP UNIT SPARE
// PUMP has a part; UNIT and SPARE are a unit and a part to work on.
const opcua = require("node-opcua");
const { AttributeIds, BrowseDirection, ClientMonitoredItem, ClientSubscription, DataType } = opcua;

const [ENDPOINT, PUMP, UNIT, SPARE] = process.argv.slice(2);
const STATION = "ns=3;s=St/OP20";
const TRACE_EVENT = "ns=2;i=1001";
let requests = 0;

function text(value) {
    return { dataType: DataType.String, value };
}

function number(value, dataType) {
    return { dataType, value };
}

async function call(session, objectId, method, inputArguments) {
    const methodId = `${objectId}.${method}`;
    const result = await session.call({ objectId, methodId, inputArguments });
    const outputs = (result.outputArguments || []).map(({ value }) =>
        ArrayBuffer.isView(value) || Array.isArray(value) ? [...value] : value
    );
    return { status: result.statusCode.name, outputs };
}

function u64(value) {
    // node-opcua gives a 64 bit number as [high, low]
    return Array.isArray(value) ? value[0] * 2 ** 32 + value[1] : Number(value);
}

async function book(session, method, ...rest) {
    requests += 1;
    return call(session, STATION, method, [text(`node-${requests}`), ...rest]);
}

async function references(session, nodeId, referenceTypeId, browseDirection) {
    const result = await session.browse({
        nodeId,
        referenceTypeId,
        includeSubtypes: true,
        browseDirection,
        resultMask: 63,
    });
    return result.references.map((found) => ({
        id: found.nodeId.toString(),
        name: found.browseName.name,
        display: found.displayName.text,
    }));
}

async function walk(session) {
    const steps = ["3:Traceability", "2:Items", "2:ByMaterial", "3:PUMP"];
    const path = opcua.makeBrowsePath("RootFolder", `/Objects/${steps.join("/")}`);
    const folder = (await session.translateBrowsePath(path)).targets[0].targetId.toString();
    const units = await references(session, folder, "Organizes", BrowseDirection.Forward);
    const unit = units.find((found) => found.name === PUMP);
    const parts = await references(session, unit.id, "ns=2;i=4006", BrowseDirection.Forward);
    const parents = await references(session, parts[0].id, "ns=2;i=4006", BrowseDirection.Inverse);
    const made = await references(session, parts[0].id, "ns=2;i=4002", BrowseDirection.Forward);
    const used = await references(session, made[0].id, "ns=2;i=4002", BrowseDirection.Inverse);
    const tree = await references(session, unit.id, "HierarchicalReferences", 0);
    const material = await references(session, unit.id, "ns=2;i=4007", BrowseDirection.Forward);
    return { folder, unit, parts, parents, made, used, tree, material };
}

async function read(session, names) {
    const nodes = names.map((name) => ({ nodeId: `${STATION}.${name}`, attributeId: 13 }));
    const values = await session.read(nodes);
    return Object.fromEntries(
        names.map((name, index) => {
            const { value, statusCode } = values[index];
            const held = value.value instanceof Date ? value.value.toISOString() : value.value;
            return [name, { value: held, status: statusCode.name }];
        })
    );
}

const FIELDS = [
    "EventId", "EventType", "SourceNode", "SourceName", "Time", "Message", "Severity",
    "EventSequence", "RecordId", "RecordTime", "Action", "BizStep", "Disposition", "ItemId",
    "MaterialId", "LotId", "OrderId", "Quantity", "UnitOfMeasure", "StationId", "ReadPoint",
    "OperatorId", "ReasonCode", "RequestId", "RecordHash", "Replayed", "OperationId", "Evaluation",
    "FailureCode", "ParentId", "Position",
];

function hear(subscription, nodeId) {
    const filter = opcua.constructEventFilter(FIELDS, opcua.ofType(opcua.resolveNodeId(TRACE_EVENT)));
    const item = ClientMonitoredItem.create(
        subscription,
        { nodeId, attributeId: AttributeIds.EventNotifier },
        { samplingInterval: 0, queueSize: 1000, discardOldest: true, filter }
    );
    const heard = [];
    item.on("changed", (fields) => {
        const event = {};
        FIELDS.forEach((name, index) => {
            const value = fields[index].value;
            event[name] =
                value instanceof Buffer ? value.toString("hex")
                : value instanceof Date ? value.toISOString()
                : value && value.text !== undefined ? value.text
                : name === "EventSequence" ? u64(value)
                : value && value.namespace !== undefined ? value.toString()
                : Number.isNaN(value) ? "NaN"
                : value === undefined ? null
                : value;
        });
        heard.push(event);
    });
    return new Promise((resolve, reject) => {
        item.on("initialized", () => resolve(heard));
        item.on("err", (message) => reject(new Error(message)));
    });
}

async function until(condition) {
    const ends = Date.now() + 10000;
    while (!condition()) {
        if (Date.now() > ends) throw new Error(`not in time: ${condition}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

async function main() {
    const client = opcua.OPCUAClient.create({
        applicationName: "controller",
        endpointMustExist: false,
        connectionStrategy: { maxRetry: 1 },
    });
    await client.connect(ENDPOINT);
    const session = await client.createSession();
    const seen = {};
    seen.walk = await walk(session);
    const subscription = await ClientSubscription.create(session, {
        requestedPublishingInterval: 50,
        requestedMaxKeepAliveCount: 10,
        requestedLifetimeCount: 100,
        maxNotificationsPerPublish: 1000,
        publishingEnabled: true,
        priority: 1,
    });
    const places = { station: STATION, area: "ns=3;s=Eq/Plant1.Hall2", root: "ns=3;s=Traceability" };
    places.server = "i=2253";
    const heard = {};
    for (const [place, nodeId] of Object.entries(places)) {
        heard[place] = await hear(subscription, nodeId);
    }
    seen.check = await call(session, STATION, "CheckItem", [text("c"), text(UNIT)]);
    seen.start = await book(session, "StartItem", text(UNIT), text("4711"), text("Kim"));
    await until(() => heard.server.length >= 1);
    seen.busy = await read(session, ["CurrentItem.ItemId", "CurrentItem.State", "LastStatus"]);
    seen.install = await book(
        session, "InstallPart", text(UNIT), text(SPARE), text("P1"),
        number(1, DataType.Double), text("H87")
    );
    seen.refused = await book(session, "StartItem", text("nobody"), text(""), text(""));
    seen.complete = await book(
        session, "CompleteItem", text(UNIT), number(2, DataType.Int32), text("LEAK")
    );
    await until(() => Object.values(heard).every((events) => events.length >= 3));
    seen.heard = heard;
    seen.idle = await read(session, [
        "StationId", "EquipmentPath", "CurrentItem.ItemId", "CountNotOK", "LastEventType",
        "LastEventTime", "LastStatus", "RecentItemIds", "CycleTime", "Online",
    ]);
    seen.ingredients = await call(session, "ns=3;s=Traceability.Queries", "TraceIngredients", [
        text(PUMP), number(0, DataType.UInt16), number(0, DataType.UInt32),
    ]);
    const none = { dataType: DataType.Null };
    const zero = {
        dataType: DataType.UInt64, arrayType: opcua.VariantArrayType.Scalar, value: [0, 0],
    };
    const found = await call(session, "ns=3;s=Traceability.Queries", "FindItems", [
        text(UNIT.split(":")[2].toLowerCase()), text("PUMP"), text(""), text(""), text("OP20"),
        number(-1, DataType.Int32), none, none, zero, number(0, DataType.UInt32),
        number(5, DataType.UInt32),
    ]);
    seen.found = found.outputs[0].map((item) => [item.itemId, item.stationId]);
    const exported = await call(session, "ns=3;s=Traceability.Queries", "ExportEpcis", [
        text(UNIT), zero, number(0, DataType.UInt32),
    ]);
    seen.epcis = JSON.parse(exported.outputs[0]).epcisBody.eventList.map((event) => event.bizStep);
    const log = await call(session, "ns=3;s=Traceability.Log", "ReadRecords", [
        {
            dataType: DataType.UInt64,
            arrayType: opcua.VariantArrayType.Scalar,
            value: [0, heard.server[0].EventSequence],
        },
        number(10, DataType.UInt32),
    ]);
    seen.log = log.outputs[0].map((record) => [record.recordType, u64(record.eventSequence)]);
    await subscription.terminate();
    await session.close();
    await client.disconnect();
    console.log(JSON.stringify(seen));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
