"use strict";
// A controller with an OPC UA server of its own:
//   node plc_server.js PORT FOLDER [CERTIFICATE KEY USER PASSWORD]
// A certificate makes it secured only, with a user. Each line on stdin is a command as JSON, each
// answered by a line as JSON (null for most):
//   ["set", NAME, TYPE, VALUE, STATUS, TIME]   TYPE "Double", "Double[]"; STATUS a name; TIME ISO
//   ["reset"]                                   as it was after the start
//   ["add", NAME, TYPE, VALUE], ["remove", NAME]
//   ["words", NAME, OFFSET, [WORDS]], ["read", NAME]
const readline = require("readline");
const opcua = require("node-opcua");
const { DataType, StatusCodes, Variant, VariantArrayType } = opcua;

const [PORT, FOLDER, certificateFile, privateKeyFile, USER, PASSWORD] = process.argv.slice(2);
const URI = "urn:tests:plc";

function variant(type, value) {
    const array = type.endsWith("[]");
    const dataType = DataType[array ? type.slice(0, -2) : type];
    const arrayType = array ? VariantArrayType.Array : VariantArrayType.Scalar;
    return new Variant({
        dataType,
        arrayType,
        value: array && dataType === DataType.UInt16 ? Uint16Array.from(value) : value,
    });
}

async function main() {
    const manager = new opcua.OPCUACertificateManager({
        rootFolder: FOLDER,
        automaticallyAcceptUnknownCertificate: true,
    });
    await manager.initialize();
    const secured = Boolean(certificateFile);
    const server = new opcua.OPCUAServer({
        port: Number(PORT),
        hostname: "127.0.0.1",
        resourcePath: "/plc",
        ...(secured ? { certificateFile, privateKeyFile } : {}),
        serverCertificateManager: manager,
        userCertificateManager: manager,
        securityPolicies: [opcua.SecurityPolicy[secured ? "Basic256Sha256" : "None"]],
        securityModes: [opcua.MessageSecurityMode[secured ? "SignAndEncrypt" : "None"]],
        allowAnonymous: !secured,
        userManager: { isValidUser: (name, password) => name === USER && password === PASSWORD },
        serverInfo: { applicationUri: URI },
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    space.registerNamespace("urn:tests:other");
    const own = space.registerNamespace("urn:tests:program");
    const variables = new Map();

    function add(name, type, value) {
        const given = variant(type, value);
        const array = given.arrayType === VariantArrayType.Array;
        const variable = own.addVariable({
            organizedBy: space.rootFolder.objects,
            browseName: name,
            nodeId: `s=${name}`,
            dataType: DataType[given.dataType],
            valueRank: array ? 1 : -1,
            ...(array ? { arrayDimensions: [given.value.length] } : {}),
            minimumSamplingInterval: 0,
            value: given,
        });
        variables.set(name, variable);
    }
    const does = {
        add,
        remove: (name) => {
            space.deleteNode(variables.get(name));
            variables.delete(name);
        },
        reset: () => {
            for (const variable of variables.values()) space.deleteNode(variable);
            variables.clear();
            add("Force", "Double", 1.5);
            add("Count", "UInt16", 7);
            add("Ready", "Boolean", true);
            add("Text", "String", "A");
            add("Levels", "Float[]", [1, 2, 3]);
            add("Raw", "Byte", 200);
            // Takes any type and rank, as after a download with other declarations.
            const any = own.addVariable({
                organizedBy: space.rootFolder.objects,
                browseName: "Any",
                nodeId: "s=Any",
                dataType: "BaseDataType",
                valueRank: -2,
                minimumSamplingInterval: 0,
                value: variant("Double", 1.5),
            });
            variables.set("Any", any);
        },
        set: (name, type, value, status, time) =>
            variables
                .get(name)
                .setValueFromSource(
                    variant(type, value),
                    StatusCodes[status || "Good"],
                    time ? new Date(time) : new Date()
                ),
        words: (name, offset, words) => {
            const variable = variables.get(name);
            const value = Uint16Array.from(variable.readValue().value.value);
            value.set(words, offset);
            variable.setValueFromSource(variant("UInt16[]", value));
        },
        read: (name) => {
            const value = variables.get(name).readValue().value.value;
            return typeof value === "object" ? Array.from(value) : value;
        },
    };
    does.reset();
    await server.start();
    console.log(JSON.stringify("serving"));

    const lines = readline.createInterface({ input: process.stdin });
    lines.on("line", (line) => {
        const [word, ...given] = JSON.parse(line);
        try {
            const said = does[word](...given);
            console.log(JSON.stringify(said === undefined ? null : said));
        } catch (error) {
            console.log(JSON.stringify({ error: error.message }));
        }
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
