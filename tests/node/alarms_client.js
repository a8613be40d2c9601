"use strict";
// Hears the alarms of the plant of tests/opcua/surface, deals with one by the client library's own
// calls, and prints what came of it as JSON.
//   node alarms_client.js ENDPOINT
const opcua = require("node-opcua");
const { AttributeIds, TimestampsToReturn, OPCUAClient } = opcua;

const FIELDS = [
    "EventId",
    "EventType",
    "ConditionName",
    "ActiveState.Id",
    "AckedState.Id",
    "ConfirmedState.Id",
    "Retain",
    "Comment",
];
const WITHIN = 20000;

async function until(condition) {
    const end = Date.now() + WITHIN;
    while (!condition()) {
        if (Date.now() > end) throw new Error(`not within ${WITHIN} ms`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

async function main() {
    const client = OPCUAClient.create({ endpointMustExist: false });
    await client.connect(process.argv[2]);
    const session = await client.createSession();
    const subscription = await session.createSubscription2({
        requestedPublishingInterval: 50,
        requestedLifetimeCount: 1000,
        requestedMaxKeepAliveCount: 10,
        maxNotificationsPerPublish: 100,
        publishingEnabled: true,
    });
    const filter = opcua.constructEventFilter(FIELDS);
    filter.selectClauses.push(
        new opcua.SimpleAttributeOperand({
            attributeId: AttributeIds.NodeId,
            typeDefinitionId: "i=2782",
            browsePath: [],
        })
    );
    const heard = [];
    const item = await subscription.monitor(
        { nodeId: "i=2253", attributeId: AttributeIds.EventNotifier },
        { samplingInterval: 0, discardOldest: true, queueSize: 100, filter },
        TimestampsToReturn.Both
    );
    item.on("changed", (values) => {
        const told = values.map((variant) => variant.value);
        heard.push({
            id: told[0],
            type: told[1].toString(),
            name: told[2],
            active: told[3],
            acked: told[4],
            confirmed: told[5],
            retain: told[6],
            comment: told[7] ? told[7].text || "" : null,
            condition: told[8] ? told[8].toString() : null,
        });
    });
    const found = {};
    const asked = await session.call({
        objectId: "i=2782",
        methodId: "i=3875",
        inputArguments: [{ dataType: "UInt32", value: subscription.subscriptionId }],
    });
    found.refresh = asked.statusCode.name;
    await until(() => heard.some((one) => one.type.endsWith("i=2788")));
    found.order = heard.map((one) =>
        one.type.endsWith("i=2787") ? "start" : one.type.endsWith("i=2788") ? "end" : "condition"
    );
    const steps = () => heard.filter((one) => one.name === "DeviceLost");
    const [first] = steps();
    const condition = first.condition;
    const name = (status) => status.name;
    const wrong = Buffer.alloc(16);
    found.unknown = name(await session.acknowledgeCondition(condition, wrong, "no"));
    found.acknowledge = name(await session.acknowledgeCondition(condition, first.id, "on my way"));
    await until(() => steps().length === 2);
    found.again = name(await session.acknowledgeCondition(condition, first.id, "on my way"));
    found.comment = name(
        await session.addCommentCondition(condition, steps()[1].id, "plug was out")
    );
    await until(() => steps().length === 3);
    found.confirm = name(await session.confirmCondition(condition, steps()[2].id, "done"));
    await until(() => steps().length === 4);
    found.steps = steps().map(({ id, ...told }) => told);
    await subscription.terminate();
    await session.close();
    await client.disconnect();
    console.log(JSON.stringify(found));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
