"use strict";
// Requests as they are, sent by node-opcua's session and decoded by it; and what a probe answers.
const opcua = require("node-opcua");
const { AttributeIds, DataType, TimestampsToReturn, VariantArrayType } = opcua;

const LINE = "ns=3;s=Line";
const SERVER = "i=2253";
const PATIENCE = 3000; // ms

function member(name) {
    return `${LINE}.${name}`;
}

const yes = () => ({ mark: "yes", words: "" });
const no = (words) => ({ mark: "no", words });
const part = (words) => ({ mark: "part", words });

// yes where `found` is `wanted`, else no with `words`, by default what was found
function same(found, wanted, words) {
    const [has, asked] = [found, wanted].map((value) => JSON.stringify(value));
    return has === asked ? yes() : no(words === undefined ? String(found) : words);
}

// yes where it is refused with this code, part where it is with another
function refusedWith(code, wanted, words = code) {
    if (code === wanted) return yes();
    return code.startsWith("Bad") ? part(code) : no(words);
}

function within(promise, ms = PATIENCE) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer in ${ms / 1000} s`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function send(session, request) {
    const sent = new Promise((resolve, reject) => {
        session.performMessageTransaction(request, (error, response) => (error ? reject(error) : resolve(response)));
    });
    return within(sent, 2 * PATIENCE);
}

// the name of the StatusCode that an error carries
function codeOf(error) {
    const found = /\b(?:Bad|Uncertain|Good)[A-Z]\w+/.exec(`${error.message}`);
    return found ? found[0] : error.message.split("\n")[0].trim();
}

async function refusal(promise) {
    try {
        await promise;
        return "Good";
    } catch (error) {
        return codeOf(error);
    }
}

function plain(value) {
    return ArrayBuffer.isView(value) ? [...value] : value;
}

const variant = {
    text: (value) => ({ dataType: DataType.String, value }),
    double: (value) => ({ dataType: DataType.Double, value }),
    doubles: (...value) => ({ dataType: DataType.Double, arrayType: VariantArrayType.Array, value }),
};

async function read(session, nodeId, more = {}, timestampsToReturn = TimestampsToReturn.Both) {
    const wanted = { nodeId, attributeId: AttributeIds.Value, ...more };
    const request = new opcua.ReadRequest({ timestampsToReturn, nodesToRead: [wanted] });
    return (await send(session, request)).results[0];
}

async function write(session, nodeId, value, more = {}) {
    const wanted = { nodeId, attributeId: AttributeIds.Value, value: { value }, ...more };
    return (await send(session, new opcua.WriteRequest({ nodesToWrite: [wanted] }))).results[0].name;
}

async function call(session, name, inputArguments, methodId = member(name), objectId = LINE) {
    const request = new opcua.CallRequest({ methodsToCall: [{ objectId, methodId, inputArguments }] });
    return (await send(session, request)).results[0];
}

function emit(session, message) {
    return call(session, "Emit", [variant.text(message)]);
}

class Subscription {
    static async on(session, given = {}) {
        const asked = {
            requestedPublishingInterval: 50,
            requestedLifetimeCount: 600,
            requestedMaxKeepAliveCount: 2,
            maxNotificationsPerPublish: 0,
            publishingEnabled: true,
            priority: 0,
            ...given,
        };
        const made = await send(session, new opcua.CreateSubscriptionRequest(asked));
        return new Subscription(session, made);
    }

    constructor(session, made) {
        Object.assign(this, { session, made, id: made.subscriptionId });
    }

    async watch(nodeId, clientHandle, parameters = {}, more = {}) {
        const request = new opcua.CreateMonitoredItemsRequest({
            subscriptionId: this.id,
            timestampsToReturn: TimestampsToReturn.Both,
            itemsToCreate: [
                {
                    itemToMonitor: { nodeId, attributeId: more.attributeId || AttributeIds.Value, indexRange: more.indexRange },
                    monitoringMode: more.mode === undefined ? opcua.MonitoringMode.Reporting : more.mode,
                    requestedParameters: { clientHandle, samplingInterval: 0, queueSize: 10, discardOldest: true, ...parameters },
                },
            ],
        });
        return (await send(this.session, request)).results[0];
    }

    publish(subscriptionAcknowledgements = []) {
        return send(this.session, new opcua.PublishRequest({ subscriptionAcknowledgements }));
    }

    // the notifications of the next messages, until `ms` pass with keep-alives alone
    async told(cycles = 2) {
        const found = [];
        for (let silent = 0; silent < cycles; ) {
            const { notificationMessage, subscriptionId } = await this.publish();
            const data = subscriptionId === this.id ? notificationMessage.notificationData || [] : [];
            if (data.length) found.push(...data);
            silent = data.length ? 0 : silent + 1;
        }
        return found;
    }

    async changes(cycles) {
        const items = (await this.told(cycles)).flatMap((one) => one.monitoredItems || []);
        return items.map((one) => ({
            handle: one.clientHandle,
            value: plain(one.value.value && one.value.value.value),
            status: one.value.statusCode,
        }));
    }

    async values(cycles) {
        return (await this.changes(cycles)).map((one) => one.value);
    }

    async events(cycles) {
        const lists = (await this.told(cycles)).flatMap((one) => one.events || []);
        return lists.map((one) => one.eventFields.map((field) => plain(field.value)));
    }

    end() {
        const request = new opcua.DeleteSubscriptionsRequest({ subscriptionIds: [this.id] });
        return send(this.session, request).catch(() => undefined);
    }
}

async function subscribed(session, use, given) {
    const subscription = await Subscription.on(session, given);
    try {
        return await use(subscription);
    } finally {
        await subscription.end();
    }
}

module.exports = {
    LINE, SERVER, Subscription, call, codeOf, emit, member, no, part, plain, read, refusal, refusedWith, same, send,
    subscribed, variant, within, write, yes,
};
