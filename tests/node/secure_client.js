"use strict";
// Tries every given policy and mode with one certificate and prints how each went as JSON.
//   node secure_client.js ENDPOINT FOLDER CERTIFICATE KEY POLICY.MODE...
const path = require("path");
const opcua = require("node-opcua");

const STATE = "i=2259";
const POLICIES = {
    None: opcua.SecurityPolicy.None,
    Basic256Sha256: opcua.SecurityPolicy.Basic256Sha256,
    Aes128Sha256RsaOaep: opcua.SecurityPolicy.Aes128_Sha256_RsaOaep,
    Aes256Sha256RsaPss: opcua.SecurityPolicy.Aes256_Sha256_RsaPss,
};

async function attempt(endpoint, manager, certificateFile, privateKeyFile, offer) {
    const [policy, mode] = offer.split(".");
    const client = opcua.OPCUAClient.create({
        applicationName: "secure client",
        applicationUri: "urn:test:client",
        securityPolicy: POLICIES[policy],
        securityMode: opcua.MessageSecurityMode[mode || "None"],
        certificateFile,
        privateKeyFile,
        clientCertificateManager: manager,
        endpointMustExist: true,
        connectionStrategy: { maxRetry: 0 },
    });
    try {
        await client.connect(endpoint);
        const session = await client.createSession();
        const read = await session.read({ nodeId: STATE, attributeId: opcua.AttributeIds.Value });
        await session.close();
        return { value: read.value.value };
    } catch (error) {
        return { error: error.message };
    } finally {
        await client.disconnect();
    }
}

async function main(endpoint, folder, certificate, key, ...offers) {
    const manager = new opcua.OPCUACertificateManager({
        rootFolder: path.join(folder, "node-pki"),
        automaticallyAcceptUnknownCertificate: true,
    });
    await manager.initialize();
    const seen = {};
    for (const offer of offers) {
        seen[offer] = await attempt(endpoint, manager, certificate, key, offer);
    }
    await manager.dispose();
    console.log(JSON.stringify(seen));
}

main(...process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exit(1);
});
