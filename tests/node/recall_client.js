"use strict";
// A quality desk: recalls a lot page by page and prints what came as JSON.
//   node recall_client.js ENDPOINT LOT PAGE
const opcua = require("node-opcua");
const { DataType } = opcua;

const [ENDPOINT, LOT, PAGE] = process.argv.slice(2);
const QUERIES = "ns=3;s=Traceability.Queries";

async function call(session, method, ...inputArguments) {
    const methodId = `${QUERIES}.${method}`;
    const result = await session.call({ objectId: QUERIES, methodId, inputArguments });
    if (result.statusCode.name !== "Good") {
        throw new Error(`${method}: ${result.statusCode.name}`);
    }
    return result.outputArguments.map(({ value }) =>
        ArrayBuffer.isView(value) || Array.isArray(value) ? [...value] : value
    );
}

const text = (value) => ({ dataType: DataType.String, value });
const u32 = (value) => ({ dataType: DataType.UInt32, value });
const u64 = (value) => ({
    dataType: DataType.UInt64,
    arrayType: opcua.VariantArrayType.Scalar,
    value: [0, value],
});
const none = () => ({ dataType: DataType.Null });

async function main() {
    const client = opcua.OPCUAClient.create({
        endpointMustExist: false,
        transportTimeout: 60000,
        connectionStrategy: { maxRetry: 1 },
    });
    await client.connect(ENDPOINT);
    const session = await client.createSession();
    const page = Number(PAGE);
    const begun = Date.now();
    const first = await call(session, "RecallScope", text(LOT), none(), u64(0), u32(page));
    const recalledMs = Date.now() - begun;
    const items = [...first[0]];
    const result = first[6];
    let total = items.length;
    let pages = 1;
    let details = [];
    let afterwards = "";
    if (result) {
        for (;;) {
            const more = await call(
                session, "FetchPage", text(result), u32(items.length), u32(page)
            );
            total = more[4];
            if (more[0].length === 0) break;
            items.push(...more[0]);
            pages += 1;
        }
        details = await call(session, "FetchDetails", text(result), u32(0), u32(2));
        await call(session, "ReleaseResult", text(result));
        afterwards = (await call(session, "FetchPage", text(result), u32(0), u32(1))).at(-2);
    }
    const seen = {
        affected: first[4],
        complete: first[5],
        total,
        pages,
        items: items.length,
        different: new Set(items).size,
        first: items[0],
        last: items.at(-1),
        shares: details[1],
        reasons: details[3],
        afterwards,
        recalledMs,
        allMs: Date.now() - begun,
    };
    await session.close();
    await client.disconnect();
    console.log(JSON.stringify(seen));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
