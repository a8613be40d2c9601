"use strict";
// The benchmark's server on node-opcua: node _ua_node.js CERTIFICATE KEY FOLDER
// What it serves and understands is told in _ua_space.py.
const readline = require("readline");
const opcua = require("node-opcua");

const [certificateFile, privateKeyFile, rootFolder] = process.argv.slice(2);
const VARIABLES = 1000;
const FLAT_OUT = 10;

const turn = () => new Promise((done) => setImmediate(done));
const pause = (ms) => new Promise((done) => setTimeout(done, Math.max(0, ms)));

async function main() {
    const manager = new opcua.OPCUACertificateManager({
        rootFolder,
        automaticallyAcceptUnknownCertificate: true,
    });
    await manager.initialize();
    const server = new opcua.OPCUAServer({
        port: 0,
        hostname: "127.0.0.1",
        resourcePath: "/bench",
        certificateFile,
        privateKeyFile,
        serverCertificateManager: manager,
        userCertificateManager: manager,
        securityPolicies: [opcua.SecurityPolicy.None, opcua.SecurityPolicy.Basic256Sha256],
        securityModes: [
            opcua.MessageSecurityMode.None,
            opcua.MessageSecurityMode.SignAndEncrypt,
        ],
        allowAnonymous: true,
        maxConnectionsPerEndpoint: 500,
        serverInfo: { applicationUri: "urn:bench:server" },
        serverCapabilities: {
            maxSessions: 500,
            maxSubscriptions: 500,
            maxSubscriptionsPerSession: 50,
            operationLimits: {
                maxNodesPerRead: 10000,
                maxNodesPerBrowse: 10000,
                maxMonitoredItemsPerCall: 10000,
            },
        },
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    space.registerNamespace("urn:bench:types");
    const site = space.registerNamespace("urn:bench:site");
    if (site.index !== 3) throw new Error(`expected namespace 3, found ${site.index}`);
    const organizedBy = space.rootFolder.objects;
    const folder = site.addFolder(organizedBy, { browseName: "Bench", nodeId: "s=Bench" });
    const variables = [];
    for (let number = 0; number < VARIABLES; number += 1) {
        variables.push(
            site.addVariable({
                organizedBy: folder,
                browseName: `V${number}`,
                nodeId: `s=Bench.V${number}`,
                dataType: "Double",
                minimumSamplingInterval: 0,
                value: { dataType: opcua.DataType.Double, value: 0 },
            })
        );
    }
    const machine = site.addObject({
        organizedBy,
        browseName: "Machine",
        nodeId: "s=Machine",
        eventSourceOf: space.rootFolder.objects.server,
    });
    const argument = (name) => ({ name, dataType: opcua.DataType.String });
    const echo = site.addMethod(machine, {
        browseName: "GetItem",
        nodeId: "s=Machine.GetItem",
        inputArguments: [argument("Text")],
        outputArguments: [argument("Answer")],
    });
    echo.bindMethod((given, context, answer) =>
        answer(null, {
            statusCode: opcua.StatusCodes.Good,
            outputArguments: [{ dataType: opcua.DataType.String, value: given[0].value }],
        })
    );
    await server.start();
    const endpoint = server.endpoints[0];
    console.log(`serving opc.tcp://127.0.0.1:${endpoint.port}/bench`);

    let value = 0;
    async function update(count, number, everyMs) {
        let due = performance.now();
        for (let round = 0; round < count; round += 1) {
            value += 1;
            for (let index = 0; index < number; index += 1) {
                variables[index].setValueFromSource({ dataType: opcua.DataType.Double, value });
                if ((index + 1) % 200 === 0) await turn();
            }
            due += everyMs;
            await pause(due - performance.now());
        }
        console.log("done update");
    }
    async function emit(count, perSecond) {
        let due = performance.now();
        for (let number = 0; number < count; number += 1) {
            machine.raiseEvent("BaseEventType", {
                message: { dataType: opcua.DataType.LocalizedText, value: { text: `${number}` } },
                severity: { dataType: opcua.DataType.UInt16, value: 100 },
            });
            if (perSecond) {
                due += 1000 / perSecond;
                await pause(due - performance.now());
            } else if (number % FLAT_OUT === 0) await turn();
        }
        console.log("done emit");
    }
    const lines = readline.createInterface({ input: process.stdin });
    lines.on("line", (line) => {
        const [word, ...given] = line.split(" ");
        if (word === "update") update(...given.map(Number));
        if (word === "emit") emit(...given.map(Number));
    });
    lines.on("close", async () => {
        await server.shutdown(0);
        process.exit(0);
    });
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
