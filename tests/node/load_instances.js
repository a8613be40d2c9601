"use strict";
// Loads the standard nodeset, that of the types and that of a plant's instances, and prints what came
// in of the last as JSON: node ids, classes, parents.
//   node load_instances.js TYPES INSTANCES SITE_URI
const { AddressSpace, nodesets, NodeClass } = require("node-opcua");
const { generateAddressSpace } = require("node-opcua-address-space/nodeJS");

const [TYPES, INSTANCES, SITE_URI] = process.argv.slice(2);

async function main() {
    const space = AddressSpace.create();
    await generateAddressSpace(space, [nodesets.standard, TYPES, INSTANCES]);
    const site = space.getNamespaceIndex(SITE_URI);
    const found = {};
    const namespace = space.getNamespace(site);
    for (const node of namespace.nodeIterator()) {
        found[node.nodeId.value] = {
            class: NodeClass[node.nodeClass],
            name: node.browseName.name,
            type: node.typeDefinitionObj ? node.typeDefinitionObj.browseName.name : null,
            parent: node.parent ? node.parent.nodeId.value : null,
        };
    }
    const start = space.findNode(`ns=${site};s=St/OP10.StartItem`);
    const inputs = start.getInputArguments().map((argument) => argument.name);
    const unit = space.findNode(`ns=${site};s=Dev/Press_OP20.Points.Force.EngineeringUnits`);
    const units = unit ? unit.readValue().value.value.displayName.text : null;
    console.log(JSON.stringify({ found, inputs, units }));
    space.dispose();
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
