"use strict";
// Loads a nodeset into a node-opcua address space, makes one object of each concrete type and one
// value of each structure, and prints what is there as JSON.
//   node load_nodeset.js FILE NAMESPACE_URI
console.log = console.error; // node-opcua logs with it; stdout is for the result
const { AddressSpace, DataType, NodeClass, generateAddressSpace, nodesets } = require("node-opcua");

const ENUMERATION = "Enumeration";

async function main(file, uri) {
    const addressSpace = AddressSpace.create();
    await generateAddressSpace(addressSpace, [nodesets.standard, file]);
    const site = addressSpace.registerNamespace("urn:tracenode:site:test");
    const namespace = addressSpace.getNamespace(uri);

    const nodes = [...namespace.nodeIterator()];
    const counts = {};
    for (const node of nodes) {
        const name = NodeClass[node.nodeClass];
        counts[name] = (counts[name] || 0) + 1;
    }

    const structures = {};
    const enumerations = {};
    for (const node of nodes) {
        if (node.nodeClass !== NodeClass.DataType) continue;
        const name = node.browseName.name;
        if (node.subtypeOfObj.browseName.name === ENUMERATION) {
            enumerations[name] = Object.fromEntries(
                node.getEnumDefinition().fields.map((field) => [field.name, Number(field.value[1])])
            );
        } else {
            const value = addressSpace.constructExtensionObject(node, {});
            structures[name] = Object.keys(value.toJSON ? value.toJSON() : value);
        }
    }

    const objects = {};
    for (const node of nodes) {
        if (node.nodeClass !== NodeClass.ObjectType || node.isAbstract) continue;
        const name = node.browseName.name;
        if (name.endsWith("EventType")) {
            const sourceNode = { dataType: DataType.NodeId, value: addressSpace.rootFolder.objects.nodeId };
            objects[name] = Object.keys(addressSpace.constructEventData(node, { sourceNode }));
            continue;
        }
        const object = node.instantiate({
            browseName: { name: `A${name}`, namespaceIndex: site.index },
            namespace: site,
            organizedBy: addressSpace.rootFolder.objects,
        });
        objects[name] = object
            .findReferencesExAsObject("HasChild")
            .map((child) => child.browseName.name);
    }
    addressSpace.dispose();
    return { counts, structures, enumerations, objects };
}

main(process.argv[2], process.argv[3]).then(
    (found) => process.stdout.write(JSON.stringify(found)),
    (error) => {
        console.error(error);
        process.exitCode = 1;
    }
);
