"use strict";
// A historian: reads the past of a unit, of a station and of the plant's events, and prints it as
// JSON.
//   node history_client.js ENDPOINT ITEM STATION FROM TO
const opcua = require("node-opcua");

const [ENDPOINT, ITEM, STATION, FROM, TO] = process.argv.slice(2);
const ROOT = "ns=3;s=Traceability";

function plain(value) {
    if (value === null || value === undefined) return null;
    if (value instanceof Date) return value.toISOString();
    if (Buffer.isBuffer(value)) return value.toString("hex");
    return value;
}

function shown(result) {
    const values = (result.historyData && result.historyData.dataValues) || [];
    return {
        status: result.statusCode.name,
        more: Boolean(result.continuationPoint && result.continuationPoint.length),
        values: values.map((one) => [
            one.sourceTimestamp.toISOString(), plain(one.value.value), one.statusCode.name,
        ]),
    };
}

async function send(session, details, nodeId, options = {}) {
    const request = new opcua.HistoryReadRequest({
        historyReadDetails: details,
        timestampsToReturn: opcua.TimestampsToReturn.Both,
        releaseContinuationPoints: Boolean(options.release),
        nodesToRead: [{
            nodeId: opcua.resolveNodeId(nodeId),
            indexRange: undefined,
            dataEncoding: undefined,
            continuationPoint: options.point,
        }],
    });
    const response = await session.performMessageTransaction(request);
    return response.results[0];
}

async function events(session, numValuesPerNode) {
    const details = new opcua.ReadEventDetails({
        numValuesPerNode,
        startTime: new Date(FROM),
        endTime: new Date(TO),
        filter: opcua.constructEventFilter(["EventId", "EventType", "EventSequence", "Message"]),
    });
    const found = [];
    let point;
    let pages = 0;
    for (;;) {
        const result = await send(session, details, ROOT, { point });
        if (result.statusCode.name !== "Good") throw new Error(result.statusCode.name);
        for (const { eventFields } of result.historyData.events) {
            const [id, type, sequence, message] = eventFields.map(({ value }) => value);
            found.push([id.toString("hex"), type.toString(), sequence ? sequence[1] : 0, message.text]);
        }
        pages += 1;
        point = result.continuationPoint;
        if (!point || point.length === 0) return { pages, found };
    }
}

async function update(session) {
    const request = new opcua.HistoryUpdateRequest({ historyUpdateDetails: [] });
    try {
        const response = await session.performMessageTransaction(request);
        return response.responseHeader.serviceResult.name;
    } catch (error) {
        return error.response ? error.response.responseHeader.serviceResult.name : error.message;
    }
}

async function main() {
    const client = opcua.OPCUAClient.create({
        endpointMustExist: false,
        transportTimeout: 60000,
        connectionStrategy: { maxRetry: 1 },
    });
    await client.connect(ENDPOINT);
    const session = await client.createSession();
    const [from, to] = [new Date(FROM), new Date(TO)];
    const state = `${ITEM}#State`;
    const modified = await send(
        session,
        new opcua.ReadRawModifiedDetails({
            isReadModified: true, startTime: from, endTime: to, numValuesPerNode: 0,
            returnBounds: false,
        }),
        `${ITEM}#StationId`
    );
    const average = await session.readAggregateValue(
        { nodeId: state }, from, to, opcua.AggregateFunction.Average, 60000
    );
    const seen = {
        states: shown(await session.readHistoryValue(state, from, to, { returnBounds: false })),
        backwards: shown(await session.readHistoryValue(
            state, to, from, { numValuesPerNode: 2, returnBounds: false }
        )),
        bounds: shown(await session.readHistoryValue(state, from, to, { returnBounds: true })),
        current: shown(await session.readHistoryValue(
            `${STATION}.CurrentItem.ItemId`, from, to, { returnBounds: false }
        )),
        modified: {
            ...shown(modified),
            infos: modified.historyData.modificationInfos.map((info) => [
                info.userName, opcua.HistoryUpdateType[info.updateType],
            ]),
        },
        average: average.statusCode.name,
        update: await update(session),
        events: await events(session, 0),
        few: (await events(session, 500)).pages,
    };
    await session.close();
    await client.disconnect();
    console.log(JSON.stringify(seen));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
