"use strict";
// Read, Write and Call.
const opcua = require("node-opcua");
const { AttributeIds, DataType, TimestampsToReturn } = opcua;
const { LINE, SERVER, call, member, no, part, plain, read, refusal, refusedWith, same, send, variant, write, yes } = require("./asking");

const CORE = "Core 2022 Server, Base Server Behaviour";
const ATTRIBUTES = "Attribute Read, Attribute Write";
const METHODS = "Method";
const TEXT = member("Text");

async function stamps(session, which) {
    const { sourceTimestamp, serverTimestamp } = await read(session, TEXT, {}, which);
    return [Boolean(sourceTimestamp), Boolean(serverTimestamp)];
}

module.exports = [
    ["timestamps", ATTRIBUTES, "TimestampsToReturn", async ({ session }) => {
        await write(session, TEXT, variant.text("stamped"));
        const { Source, Server, Both, Neither } = TimestampsToReturn;
        const found = [];
        for (const which of [Source, Server, Both, Neither]) found.push(await stamps(session, which));
        const wanted = [[true, false], [false, true], [true, true], [false, false]];
        return same(found, wanted, "gives the same for all");
    }],
    ["read_range", ATTRIBUTES, "Read with IndexRange", async ({ session }) => {
        await write(session, member("Array"), variant.doubles(1, 2, 3));
        const value = await read(session, member("Array"), { indexRange: new opcua.NumericRange("1:2") });
        return same(plain(value.value.value), [2, 3], "gives the whole array");
    }],
    ["read_range_of_text", ATTRIBUTES, "Read with IndexRange of a text", async ({ session }) => {
        const value = await read(session, member("Fixed"), { indexRange: new opcua.NumericRange("0:2") });
        return same(value.value && value.value.value, "fix", "gives the whole text");
    }],
    ["read_range_without_data", ATTRIBUTES, "Read beyond the end", async ({ session }) => {
        const value = await read(session, member("Array"), { indexRange: new opcua.NumericRange("7") });
        return same(value.statusCode.name, "BadIndexRangeNoData");
    }],
    ["write_range", ATTRIBUTES, "Write with IndexRange", async ({ session }) => {
        await write(session, member("Array"), variant.doubles(1, 2, 3));
        const code = await write(session, member("Array"), variant.doubles(9), { indexRange: new opcua.NumericRange("1") });
        const whole = plain((await read(session, member("Array"))).value.value);
        await write(session, member("Array"), variant.doubles(1, 2, 3));
        return same([code, whole], ["Good", [1, 9, 3]], `${code}; the array is then ${whole.length} long`);
    }],
    ["write_wrong_type", ATTRIBUTES, "Write of another type is refused", async ({ session }) => {
        const code = await write(session, member("Number"), variant.text("seven"));
        return refusedWith(code, "BadTypeMismatch");
    }],
    ["write_wrong_rank", ATTRIBUTES, "Write of an array into a scalar is refused", async ({ session }) => {
        const code = await write(session, member("Number"), variant.doubles(1, 2));
        if (code === "Good") await write(session, member("Number"), variant.double(0));
        return same(code, "BadTypeMismatch");
    }],
    ["write_read_only", ATTRIBUTES, "Write without CurrentWrite is refused", async ({ session }) => {
        return refusedWith(await write(session, member("Fixed"), variant.text("x")), "BadNotWritable");
    }],
    ["write_other_attribute", ATTRIBUTES, "Write of a name is refused", async ({ session }) => {
        const value = { dataType: DataType.LocalizedText, value: { text: "Renamed" } };
        const code = await write(session, TEXT, value, { attributeId: AttributeIds.DisplayName });
        return refusedWith(code, "BadNotWritable");
    }],
    ["write_status", ATTRIBUTES, "Write of a status", async ({ session }) => {
        const status = opcua.StatusCodes.UncertainLastUsableValue;
        const code = await write(session, TEXT, undefined, { value: { value: variant.text("x"), statusCode: status } });
        const held = (await read(session, TEXT)).statusCode.name;
        await write(session, TEXT, variant.text("idle"));
        if (code === "BadWriteNotSupported") return no(code);
        return same(held, "UncertainLastUsableValue", `${code}; the status is then ${held}`);
    }],
    ["read_not_readable", ATTRIBUTES, "Read without CurrentRead is refused", async ({ session }) => {
        return same((await read(session, member("Hidden"))).statusCode.name, "BadNotReadable", "gives the value");
    }],
    ["read_encoding", ATTRIBUTES, "DataEncoding of what is no structure is refused", async ({ session }) => {
        const value = await read(session, TEXT, { dataEncoding: { name: "Default Binary" } });
        return same(value.statusCode.name, "BadDataEncodingInvalid", "ignores the encoding");
    }],
    ["read_max_age", ATTRIBUTES, "a negative MaxAge is refused", async ({ session }) => {
        const request = new opcua.ReadRequest({ maxAge: -1, nodesToRead: [{ nodeId: TEXT, attributeId: 13 }] });
        return same(await refusal(send(session, request)), "BadMaxAgeInvalid", "ignores it");
    }],
    ["read_nothing", ATTRIBUTES, "a Read of nothing is refused", async ({ session }) => {
        return same(await refusal(send(session, new opcua.ReadRequest({ nodesToRead: [] }))), "BadNothingToDo", "answers Good");
    }],
    ["read_unknown", ATTRIBUTES, "unknown nodes and attributes", async ({ session }) => {
        const node = (await read(session, "ns=3;s=None")).statusCode.name;
        const attribute = (await read(session, TEXT, { attributeId: AttributeIds.Executable })).statusCode.name;
        return same([node, attribute], ["BadNodeIdUnknown", "BadAttributeIdInvalid"]);
    }],
    ["access_level_ex", ATTRIBUTES, "AccessLevelEx: atomic, not of full arrays only", async ({ session }) => {
        const value = await read(session, member("Array"), { attributeId: AttributeIds.AccessLevelEx });
        const level = await read(session, member("Array"), { attributeId: AttributeIds.AccessLevel });
        if (!value.statusCode.isGood()) return no(value.statusCode.name);
        return same(value.value.value, level.value.value);
    }],
    ["data_type_definition", ATTRIBUTES, "DataTypeDefinition of standard structures", async ({ session }) => {
        const value = await read(session, "i=884", { attributeId: AttributeIds.DataTypeDefinition });
        if (!value.statusCode.isGood()) return no(value.statusCode.name);
        return value.value.value ? yes() : no("Good, and a null");
    }],
    ["call", METHODS, "Call", async ({ session }) => {
        const found = await call(session, "Echo", [variant.text("hello")]);
        return same([found.statusCode.name, found.outputArguments[0].value], ["Good", "hello"]);
    }],
    ["call_few", METHODS, "missing arguments are refused", async ({ session }) => {
        return refusedWith((await call(session, "Echo", [])).statusCode.name, "BadArgumentsMissing");
    }],
    ["call_many", METHODS, "too many arguments are refused", async ({ session }) => {
        const found = await call(session, "Echo", [variant.text("a"), variant.text("b")]);
        return refusedWith(found.statusCode.name, "BadTooManyArguments");
    }],
    ["call_wrong_type", METHODS, "an argument of another type is refused, and which is told", async ({ session }) => {
        const found = await call(session, "Echo", [variant.double(1)]);
        const codes = (found.inputArgumentResults || []).map((code) => code.name);
        const code = found.statusCode.name;
        if (code === "BadInvalidArgument" && codes.join() !== "BadTypeMismatch") return part("does not say which");
        return same(code, "BadInvalidArgument", code === "Good" ? "calls the method" : code);
    }],
    ["call_not_executable", METHODS, "a method that is not Executable is refused", async ({ session }) => {
        return same((await call(session, "Off", [variant.text("x")])).statusCode.name, "BadNotExecutable", "calls the method");
    }],
    ["call_unknown", METHODS, "a method of another object is refused", async ({ session }) => {
        const found = await call(session, "Echo", [variant.text("x")], member("Echo"), SERVER);
        return same(found.statusCode.name, "BadMethodInvalid", found.statusCode.name === "Good" ? "calls the method" : undefined);
    }],
    ["call_beside_read", METHODS, "other requests are answered while a method runs", async ({ session }) => {
        let ended = false;
        const calling = call(session, "Wait", [variant.text("x")]).then(() => (ended = true));
        await read(session, TEXT);
        const before = !ended;
        await calling;
        return same(before, true, "wait for its end");
    }],
    ["diagnostics_of_requests", "Diagnostics", "ReturnDiagnostics", async ({ session }) => {
        const request = new opcua.ReadRequest({ nodesToRead: [{ nodeId: "ns=3;s=None", attributeId: 13 }] });
        request.requestHeader.returnDiagnostics = 0xff;
        const { diagnosticInfos } = await send(session, request);
        return (diagnosticInfos || []).length ? yes() : no("accepts it, gives none");
    }],
    ["diagnostics_summary", "Diagnostics", "ServerDiagnosticsSummary", async ({ session }) => {
        const enabled = (await read(session, "i=2294")).value.value;
        const value = await read(session, "i=2275");
        const count = value.value && value.value.value && value.value.value.currentSessionCount;
        return same([enabled, count > 0], [true, true], `EnabledFlag ${enabled}, sessions ${count === undefined ? "null" : count}`);
    }],
    ["diagnostics_sessions", "Diagnostics", "SessionDiagnosticsArray", async ({ session }) => {
        const value = await read(session, "i=3707");
        if (!value.statusCode.isGood()) return no(value.statusCode.name);
        const held = value.value.value;
        return held && held.length ? yes() : no("is empty");
    }],
    ["history_of_nothing", "History", "HistoryRead of a variable without history is refused", async ({ session }) => {
        const request = new opcua.HistoryReadRequest({
            timestampsToReturn: TimestampsToReturn.Both,
            historyReadDetails: new opcua.ReadRawModifiedDetails({ startTime: new Date(Date.now() - 3600000), endTime: new Date(), numValuesPerNode: 10 }),
            nodesToRead: [{ nodeId: member("Text") }],
        });
        const code = await refusal(send(session, request).then(({ results }) => {
            if (!results[0].statusCode.isGood()) throw new Error(results[0].statusCode.name);
        }));
        return ["BadHistoryOperationUnsupported", "BadUserAccessDenied", "BadNotReadable"].includes(code) ? yes() : no(code);
    }],
    ["object_attributes", CORE, "mandatory attributes of objects", async ({ session }) => {
        const asked = [AttributeIds.NodeId, AttributeIds.NodeClass, AttributeIds.BrowseName, AttributeIds.DisplayName, AttributeIds.EventNotifier];
        const found = await Promise.all(asked.map(async (attributeId) => (await read(session, LINE, { attributeId })).statusCode.name));
        return same(found.every((name) => name === "Good"), true, found.join());
    }],
];
