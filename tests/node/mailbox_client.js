"use strict";
// A client that knows Read and Write only: runs cycles through the mailbox of a station.
//   node mailbox_client.js ENDPOINT MAILBOX BOOT FIRST COUNT
// Registers the units P<FIRST> to P<FIRST+COUNT-1>, one request each, the sequence as the number.
// Prints the answer of each as a line of JSON; a request whose server went away is written again.
const opcua = require("node-opcua");
const { AttributeIds, DataType, VariantArrayType } = opcua;

const [ENDPOINT, MAILBOX, BOOT, FIRST, COUNT] = process.argv.slice(2);
const ANSWER = [
    "ResponseSequence", "BootIdEcho", "Result", "Status", "StatusText", "AssignedId",
    "EventSequence", "ServerEpoch",
];

function write(name, dataType, value) {
    return {
        nodeId: `ns=3;s=${MAILBOX}.${name}`,
        attributeId: AttributeIds.Value,
        value: { value: { dataType, arrayType: VariantArrayType.Scalar, value } },
    };
}

function u64(value) {
    return Array.isArray(value) ? value[0] * 2 ** 32 + value[1] : Number(value);
}

async function answer(session) {
    const nodes = ANSWER.map((name) => ({
        nodeId: `ns=3;s=${MAILBOX}.${name}`,
        attributeId: AttributeIds.Value,
    }));
    const values = await session.read(nodes);
    return Object.fromEntries(ANSWER.map((name, index) => [name, values[index].value.value]));
}

async function connected(work) {
    const client = opcua.OPCUAClient.create({
        applicationName: "variables only",
        endpointMustExist: false,
        connectionStrategy: { maxRetry: 0 },
        transportTimeout: 3000,
    });
    const lost = new Promise((_, reject) => {
        for (const event of ["connection_lost", "close", "start_reconnection"]) {
            client.on(event, () => reject(new Error(event)));
        }
    });
    lost.catch(() => undefined);
    try {
        await client.connect(ENDPOINT);
        const session = await client.createSession();
        await Promise.race([work(session), lost]);
    } finally {
        await Promise.race([
            client.disconnect().catch(() => undefined),
            new Promise((resolve) => setTimeout(resolve, 1000)),
        ]);
    }
}

async function cycle(session, number) {
    const written = await session.write([
        write("BootId", DataType.UInt16, Number(BOOT)),
        write("RequestCode", DataType.UInt16, 8),
        write("Id1", DataType.String, "PUMP"),
        write("Id3", DataType.String, `P${number}`),
        write("RequestSequence", DataType.UInt16, number),
    ]);
    if (written.some((code) => !code.isGood())) {
        throw new Error(`written: ${written.map((code) => code.name)}`);
    }
    const ends = Date.now() + 5000;
    while (Date.now() < ends) {
        const found = await answer(session);
        if (found.ResponseSequence === number && found.BootIdEcho === Number(BOOT)) {
            return { ...found, EventSequence: u64(found.EventSequence) };
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`no answer to ${number}`);
}

async function main() {
    let next = Number(FIRST);
    const last = next + Number(COUNT) - 1;
    const ends = Date.now() + 100000;
    while (next <= last) {
        if (Date.now() > ends) throw new Error(`not in time, at ${next}`);
        try {
            await connected(async (session) => {
                for (; next <= last; next += 1) {
                    console.log(JSON.stringify(await cycle(session, next)));
                }
            });
        } catch (error) {
            process.stderr.write(`${error.message}\n`);
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    }
}

main().then(
    () => process.exit(0),
    (error) => {
        console.error(error);
        process.exit(1);
    }
);
