"use strict";
// Discovery and the view: Browse, BrowseNext, browse paths, registered nodes.
const opcua = require("node-opcua");
const { LINE, SERVER, member, no, part, read, refusal, same, send, yes } = require("./asking");

const CORE = "Core 2022 Server, Base Server Behaviour";
const DISCOVERY = "Discovery";
const VIEW = "View Basic 2, TranslateBrowsePath, RegisterNodes";
const MANY = "ns=3;s=Many";

async function browse(session, nodeId, wanted = {}, most = 0) {
    const request = new opcua.BrowseRequest({
        requestedMaxReferencesPerNode: most,
        nodesToBrowse: [
            {
                nodeId,
                referenceTypeId: "i=33",
                includeSubtypes: true,
                browseDirection: opcua.BrowseDirection.Forward,
                nodeClassMask: 0,
                resultMask: 63,
                ...wanted,
            },
        ],
    });
    return (await send(session, request)).results[0];
}

async function next(session, point, release) {
    const request = new opcua.BrowseNextRequest({ releaseContinuationPoints: release, continuationPoints: [point] });
    return (await send(session, request)).results[0];
}

const names = (result) => (result.references || []).map((one) => one.browseName.name).sort();

module.exports = [
    ["find_servers", DISCOVERY, "FindServers of itself", async ({ client }) => {
        const found = await client.findServers();
        return same(found.length >= 1 && found[0].applicationUri.startsWith("urn:"), true);
    }],
    ["get_endpoints", DISCOVERY, "GetEndpoints", async ({ client, endpoint }) => {
        const found = await client.getEndpoints();
        return same(found.every((one) => one.endpointUrl === endpoint), true, "tells another URL than the one asked at");
    }],
    ["result_mask", VIEW, "ResultMask", async ({ session }) => {
        const found = await browse(session, LINE, { resultMask: 8 });
        const bare = found.references.every((one) => one.browseName.name && !one.displayName.text && !one.nodeClass);
        return same(bare, true, "gives all fields");
    }],
    ["node_class_mask", VIEW, "NodeClassMask", async ({ session }) => {
        const found = await browse(session, LINE, { nodeClassMask: opcua.NodeClassMask.Method });
        return same(names(found), ["Echo", "Emit", "Off", "Wait"]);
    }],
    ["inverse", VIEW, "inverse references", async ({ session }) => {
        const wanted = { browseDirection: opcua.BrowseDirection.Inverse, referenceTypeId: "i=35" };
        return same(names(await browse(session, LINE, wanted)), ["Objects"]);
    }],
    ["subtypes", VIEW, "subtypes of reference types left out", async ({ session }) => {
        return same(names(await browse(session, LINE, { includeSubtypes: false })), []);
    }],
    ["pages", VIEW, "BrowseNext", async ({ session }) => {
        let page = await browse(session, MANY, {}, 10);
        const sizes = [page.references.length];
        const seen = names(page);
        while (page.continuationPoint && page.continuationPoint.length && sizes.length < 9) {
            page = await next(session, page.continuationPoint, false);
            sizes.push(page.references.length);
            seen.push(...names(page));
        }
        return same([sizes, new Set(seen).size], [[10, 10, 5], 25], `gives ${sizes[0]} of 25 where 10 are asked for`);
    }],
    ["released_point", VIEW, "continuation points released", async ({ session }) => {
        const { continuationPoint } = await browse(session, MANY, {}, 10);
        if (!continuationPoint || !continuationPoint.length) return no("has no continuation points");
        await next(session, continuationPoint, true);
        return same((await next(session, continuationPoint, false)).statusCode.name, "BadContinuationPointInvalid");
    }],
    ["views", VIEW, "a view that is not there is refused", async ({ session }) => {
        const request = new opcua.BrowseRequest({ view: { viewId: "ns=3;i=77" }, nodesToBrowse: [{ nodeId: LINE, resultMask: 63 }] });
        return same(await refusal(send(session, request)), "BadViewIdUnknown", "ignores the view");
    }],
    ["too_many_browsed", VIEW, "more nodes than MaxNodesPerBrowse are refused", async ({ session }) => {
        const nodesToBrowse = Array.from({ length: 1001 }, () => ({ nodeId: member("Fixed"), resultMask: 0 }));
        const told = await read(session, "i=11710");
        const code = await refusal(send(session, new opcua.BrowseRequest({ nodesToBrowse })));
        if (told.value.value === null) return no("tells no limit");
        return same([told.value.value, code], [1000, "BadTooManyOperations"], code === "Good" ? `tells ${told.value.value}` : code);
    }],
    ["browse_path", VIEW, "TranslateBrowsePathsToNodeIds", async ({ session }) => {
        const paths = ["/Objects/3:Line/3:Text", "/Objects/3:Line/3:Nothing"];
        const browsePaths = paths.map((path) => opcua.makeBrowsePath("RootFolder", path));
        const { results } = await send(session, new opcua.TranslateBrowsePathsToNodeIdsRequest({ browsePaths }));
        const found = results.map((one) => (one.targets || []).map((target) => target.targetId.toString()).join() || one.statusCode.name);
        return same(found, [member("Text"), "BadNoMatch"]);
    }],
    ["registered", VIEW, "RegisterNodes, UnregisterNodes", async ({ session }) => {
        const request = new opcua.RegisterNodesRequest({ nodesToRegister: [member("Fixed")] });
        const { registeredNodeIds } = await send(session, request);
        const value = await read(session, registeredNodeIds[0]);
        await send(session, new opcua.UnregisterNodesRequest({ nodesToUnregister: registeredNodeIds }));
        return same(value.value.value, "fixed");
    }],
    ["nothing_to_browse", VIEW, "a Browse of nothing is refused", async ({ session }) => {
        return same(await refusal(send(session, new opcua.BrowseRequest({ nodesToBrowse: [] }))), "BadNothingToDo", "answers Good");
    }],
    ["query", "Not offered by this server", "QueryFirst", async ({ session }) => {
        return no(await refusal(send(session, new opcua.QueryFirstRequest({}))));
    }],
    ["add_nodes", "Not offered by this server", "Node Management: AddNodes", async ({ session }) => {
        const request = new opcua.AddNodesRequest({
            nodesToAdd: [{ parentNodeId: LINE, referenceTypeId: "i=47", nodeClass: opcua.NodeClass.Object, browseName: "3:New", typeDefinition: "i=58" }],
        });
        const code = await refusal(send(session, request).then(({ results }) => {
            if (!results[0].statusCode.isGood()) throw new Error(results[0].statusCode.name);
        }));
        return code === "Good" ? part("adds nodes for anonymous sessions") : no(code);
    }],
    ["redundancy", "Not offered by this server", "Redundancy", async ({ session }) => {
        const value = await read(session, "i=3709");
        return no(`RedundancySupport is ${value.value.value === 0 ? "None" : value.value.value}`);
    }],
    ["files", "Not offered by this server", "File access: an object of FileType", async ({ session }) => {
        const found = await browse(session, "i=11575", { browseDirection: opcua.BrowseDirection.Inverse, referenceTypeId: "i=40" });
        const site = (found.references || []).filter((one) => one.nodeId.namespace > 1);
        return site.length ? yes() : no("has none");
    }],
    ["service_level", CORE, "ServiceLevel and ServerStatus", async ({ session }) => {
        const level = (await read(session, "i=2267")).value.value;
        const state = (await read(session, "i=2259")).value.value;
        return same([level, state], [255, 0], `ServiceLevel ${level}, state ${state}`);
    }],
    ["array_limits", CORE, "MaxArrayLength, MaxStringLength are told", async ({ session }) => {
        const found = await Promise.all(["i=11702", "i=11703"].map(async (id) => (await read(session, id)).value.value));
        return same(found.every((value) => value > 0), true, "tells none");
    }],
    ["server_is_notifier", "Standard Event Subscription", "EventNotifier of Server", async ({ session }) => {
        const value = await read(session, SERVER, { attributeId: opcua.AttributeIds.EventNotifier });
        return same(value.value.value & 1, 1);
    }],
];
