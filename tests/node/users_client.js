"use strict";
// Logs in to the guarded server of tests/opcua/security over every policy and mode, and prints what
// came of it as JSON: { "<policy>.<mode>": { "<who>": "<status>" } }.
//   node users_client.js ENDPOINT FOLDER PASSWORD APPLICATION-URI
const fs = require("fs");
const os = require("os");
const path = require("path");
const opcua = require("node-opcua");
const { MessageSecurityMode, SecurityPolicy, UserTokenType, AttributeIds } = opcua;

const [endpoint, folder, password, applicationUri] = process.argv.slice(2);
const CHANNELS = [
    ["None", "None"],
    ["Basic256Sha256", "Sign"],
    ["Basic256Sha256", "SignAndEncrypt"],
    ["Aes128_Sha256_RsaOaep", "SignAndEncrypt"],
    ["Aes256_Sha256_RsaPss", "SignAndEncrypt"],
];
const file = (name) => path.join(folder, name);
const WHO = {
    anonymous: { type: UserTokenType.Anonymous },
    operator: { type: UserTokenType.UserName, userName: "operator", password },
    wrong: { type: UserTokenType.UserName, userName: "operator", password: "not the word" },
    unknown: { type: UserTokenType.UserName, userName: "nobody at all", password },
    person: {
        type: UserTokenType.Certificate,
        certificateData: fs.readFileSync(file("person.der")),
        privateKey: fs.readFileSync(file("person.pem"), "ascii"),
    },
};

async function tried(client, identity) {
    let session;
    try {
        session = await client.createSession(identity);
    } catch (error) {
        return (error.response?.responseHeader?.serviceResult?.name || error.message).slice(0, 120);
    }
    const value = await session.read({
        nodeId: "ns=3;s=St/OP10.StartItem",
        attributeId: AttributeIds.UserExecutable,
    });
    const result = await session.call({
        objectId: "ns=3;s=St/OP10",
        methodId: "ns=3;s=St/OP10.StartItem",
        inputArguments: [],
    });
    await session.close();
    return { executable: value.value.value, call: result.statusCode.name };
}

async function main() {
    const certificates = new opcua.OPCUACertificateManager({
        rootFolder: fs.mkdtempSync(path.join(os.tmpdir(), "users-client-")),
        automaticallyAcceptUnknownCertificate: true,
    });
    await certificates.initialize();
    const found = {};
    for (const [policy, mode] of CHANNELS) {
        const said = (found[`${policy}.${mode}`] = {});
        for (const [who, identity] of Object.entries(WHO)) {
            const client = opcua.OPCUAClient.create({
                applicationUri,
                applicationName: "users-client",
                certificateFile: file("client.der"),
                privateKeyFile: file("client.pem"),
                clientCertificateManager: certificates,
                securityPolicy: SecurityPolicy[policy],
                securityMode: MessageSecurityMode[mode],
                endpointMustExist: false,
                connectionStrategy: { maxRetry: 0 },
            });
            await client.connect(endpoint);
            said[who] = await tried(client, identity);
            await client.disconnect();
        }
    }
    await certificates.dispose();
    console.log(JSON.stringify(found));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
