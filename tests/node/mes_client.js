"use strict";
// An MES that must not miss a record: reads the log as a registered consumer, and hears events.
//   node mes_client.js ENDPOINT CONSUMER LEDGER
// The ledger is its own disk: one line "EventSequence RecordId" for each record, once, in order. It
// goes on for ever, over lost connections, until it is killed.
const fs = require("fs");
const opcua = require("node-opcua");
const { AttributeIds, ClientMonitoredItem, ClientSubscription, DataType } = opcua;

const [ENDPOINT, CONSUMER, LEDGER] = process.argv.slice(2);
const LOG = "ns=3;s=Traceability.Log";
const TRACE_EVENT = "ns=2;i=1001";

function u64(value) {
    return Array.isArray(value) ? value[0] * 2 ** 32 + value[1] : Number(value);
}

function asU64(number) {
    return {
        dataType: DataType.UInt64,
        arrayType: opcua.VariantArrayType.Scalar,
        value: [Math.floor(number / 2 ** 32), number % 2 ** 32],
    };
}

async function call(session, method, ...inputArguments) {
    const result = await session.call({
        objectId: LOG, methodId: `${LOG}.${method}`, inputArguments,
    });
    if (!result.statusCode.isGood()) throw new Error(`${method}: ${result.statusCode.name}`);
    const outputs = result.outputArguments.map(({ value }) => value);
    const [words, status] = outputs.slice(-2);
    if (status >= 100) throw new Error(`${method}: ${status} ${words}`);
    return outputs;
}

const file = fs.openSync(LEDGER, "a");
let last = 0; // what is safe on the disk
for (const line of fs.readFileSync(LEDGER, "utf8").split("\n")) {
    if (line) last = Number(line.split(" ")[0]);
}

function keep(records) {
    const fresh = records.filter(([sequence]) => sequence > last);
    if (!fresh.length) return;
    for (const [sequence] of fresh) {
        if (sequence !== last + 1) throw new Error(`a gap: ${sequence} after ${last}`);
        last = sequence;
    }
    fs.writeSync(file, fresh.map(([sequence, id]) => `${sequence} ${id}\n`).join(""));
    fs.fsyncSync(file);
}

async function catchUp(session) {
    for (;;) {
        const [records, following, latest] = await call(
            session, "ReadRecords", asU64(last + 1), { dataType: DataType.UInt32, value: 50 }
        );
        keep((records || []).map((record) => [u64(record.eventSequence), record.recordId]));
        if (u64(following) > u64(latest)) return;
    }
}

async function follow(session, lost) {
    const name = { dataType: DataType.String, value: CONSUMER };
    const [acknowledged] = await call(session, "RegisterConsumer", name, asU64(0));
    if (u64(acknowledged) > last) throw new Error("acknowledged what is not on the disk");
    const subscription = await ClientSubscription.create(session, {
        requestedPublishingInterval: 50,
        requestedMaxKeepAliveCount: 10,
        requestedLifetimeCount: 1000,
        maxNotificationsPerPublish: 1000,
        publishingEnabled: true,
        priority: 1,
    });
    const filter = opcua.constructEventFilter(
        ["EventSequence", "RecordId"], opcua.ofType(opcua.resolveNodeId(TRACE_EVENT))
    );
    const item = ClientMonitoredItem.create(
        subscription,
        { nodeId: "i=2253", attributeId: AttributeIds.EventNotifier },
        { samplingInterval: 0, queueSize: 10000, discardOldest: true, filter }
    );
    let heard = [];
    item.on("changed", (fields) => heard.push([u64(fields[0].value), fields[1].value]));
    await new Promise((resolve, reject) => {
        item.on("initialized", resolve);
        item.on("err", (message) => reject(new Error(message)));
    });
    await catchUp(session);
    let safe = u64(acknowledged);
    while (!lost()) {
        const taken = heard;
        heard = [];
        const fresh = taken.filter(([sequence]) => sequence > last);
        if (fresh.length && fresh[0][0] !== last + 1) await catchUp(session);
        keep(fresh);
        if (last > safe) await call(session, "Acknowledge", name, asU64(last));
        safe = last;
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

async function once() {
    const client = opcua.OPCUAClient.create({
        applicationName: "mes",
        applicationUri: "urn:test:mes",
        endpointMustExist: false,
        connectionStrategy: { maxRetry: 0 },
        transportTimeout: 5000,
        keepSessionAlive: true,
    });
    let gone = false;
    const lost = new Promise((_, reject) => {
        for (const event of ["connection_lost", "close", "start_reconnection"]) {
            client.on(event, () => { gone = true; reject(new Error(event)); });
        }
    });
    lost.catch(() => undefined);
    try {
        await client.connect(ENDPOINT);
        const session = await client.createSession();
        session.on("session_closed", () => { gone = true; });
        await Promise.race([follow(session, () => gone), lost]);
    } finally {
        await Promise.race([
            client.disconnect().catch(() => undefined),
            new Promise((resolve) => setTimeout(resolve, 2000)),
        ]);
    }
}

async function main() {
    for (;;) {
        try {
            await once();
        } catch (error) {
            process.stderr.write(`${error.message}\n`);
            if (error.message.startsWith("a gap")) process.exit(1);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}

main();
