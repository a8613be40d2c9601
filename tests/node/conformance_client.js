"use strict";
// Asks one server all that the folder conformance asks, in one process, and prints it as JSON: a
// list of [name, facet, unit, mark, words].
//   node conformance_client.js ENDPOINT
const opcua = require("node-opcua");
const { codeOf, no, within } = require("./conformance/asking");

const PROBES = ["view", "attributes", "items", "events"].flatMap((name) => require(`./conformance/${name}`));
const LONGEST = 12000; // ms

function made() {
    return opcua.OPCUAClient.create({
        applicationName: "conformance client",
        endpointMustExist: false,
        connectionStrategy: { maxRetry: 1 },
        keepSessionAlive: false,
    });
}

async function main(endpoint) {
    const clients = [made(), made()];
    const sessions = [];
    for (const client of clients) {
        await client.connect(endpoint);
        sessions.push(await client.createSession());
    }
    const context = { endpoint, client: clients[0], session: sessions[0], other: sessions[1] };
    const found = [];
    for (const [name, facet, unit, ask] of PROBES) {
        const { mark, words } = await within(ask(context), LONGEST).catch((error) => no(codeOf(error)));
        found.push([name, facet, unit, mark, words]);
    }
    console.log(JSON.stringify(found));
    for (const session of sessions) await session.close().catch(() => undefined);
    for (const client of clients) await client.disconnect();
}

main(...process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exit(1);
});
