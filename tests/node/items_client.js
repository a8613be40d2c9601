"use strict";
// A client that walks through a folder of items, and prints what it saw as JSON.
//   node items_client.js ENDPOINT NODE PAGE
const crypto = require("crypto");
const opcua = require("node-opcua");
const { BrowseDirection } = opcua;

const [ENDPOINT, NODE, PAGE] = process.argv.slice(2);

async function main() {
    const client = opcua.OPCUAClient.create({
        endpointMustExist: false,
        transportTimeout: 60000,
        connectionStrategy: { maxRetry: 1 },
    });
    await client.connect(ENDPOINT);
    const session = await client.createSession();
    session.requestedMaxReferencesPerNode = Number(PAGE);
    const begun = Date.now();
    const names = crypto.createHash("sha256");
    let [items, pages, first, last] = [0, 0, null, null];
    let result = await session.browse({
        nodeId: NODE,
        browseDirection: BrowseDirection.Forward,
        referenceTypeId: "Organizes",
        includeSubtypes: true,
        nodeClassMask: 0,
        resultMask: 63,
    });
    for (;;) {
        if (!result.statusCode.isGood()) throw new Error(result.statusCode.toString());
        for (const { browseName, nodeId } of result.references) {
            if (nodeId.value !== `Item/${browseName.name}`) throw new Error(nodeId.toString());
            names.update(`${browseName.name}\n`);
            first = first || browseName.name;
            last = browseName.name;
            items += 1;
        }
        pages += 1;
        if (!result.continuationPoint || !result.continuationPoint.length) break;
        result = await session.browseNext(result.continuationPoint, false);
    }
    const tookMs = Date.now() - begun;
    await session.close();
    await client.disconnect();
    console.log(JSON.stringify({ items, pages, first, last, sha256: names.digest("hex"), tookMs }));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
