// How events reach functions, by every way there is, and what is answered: scenarios of functions.js.

import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import {
  paginateListEventSourceMappings,
  paginateListFunctionEventInvokeConfigs,
  paginateListFunctionUrlConfigs,
} from "@aws-sdk/client-lambda";
import { collected, conflict, json, lambda, make, notThere, sqs } from "./lambda.js";

const { AWS_ENDPOINT_URL, FOLDER } = process.env;
const NODE = `nodejs${process.versions.node.split(".")[0]}.x`;

const isNow = (time) => Math.abs(Date.now() - time.getTime()) < 60_000;
const decoded = (base64) => Buffer.from(base64, "base64").toString();

// What a function writes into its FIFO; waits for it.
const told = async (fifo) => JSON.parse(await readFile(`${FOLDER}/${fifo}`, "utf8"));

async function queue(QueueName) {
  const { QueueUrl } = await sqs.createQueue({ QueueName });
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
  return { url: QueueUrl, arn: Attributes.QueueArn };
}

async function nextIn({ url }) {
  const { Messages } = await sqs.receiveMessage({ QueueUrl: url, WaitTimeSeconds: 20 });
  return JSON.parse(Messages[0].Body);
}

export async function invokedInEveryWay() {
  const FunctionName = "invoked";
  const { FunctionArn } = await make(FunctionName, "echo", { Publish: true });
  const answer = await lambda.invoke({ FunctionName, Payload: '{"a":"ä"}', LogType: "Tail" });
  const version = await lambda.invoke({
    FunctionName: FunctionArn, // of the version that was published
    Payload: new TextEncoder().encode('["ä"]'),
    ClientContext: Buffer.from('{"custom":{"user":"me"}}').toString("base64"),
  });
  const failed = await lambda.invoke({ FunctionName, Payload: '"fail"' });
  const dry = await lambda.invoke({ FunctionName, InvocationType: "DryRun" });

  const Environment = { Variables: { FIFO: `${FOLDER}/invoked` } };
  await make("invoked-later", "tell", { Environment });
  const later = { FunctionName: "invoked-later" };
  const event = await lambda.invoke({ ...later, InvocationType: "Event", Payload: "[1]" });
  const events = [await told("invoked")];
  const older = await lambda.invokeAsync({ ...later, InvokeArgs: "[2]" });
  events.push(await told("invoked"));
  return {
    answer: [answer.StatusCode, answer.ExecutedVersion, json(answer.Payload).event],
    log: decoded(answer.LogResult),
    version: [version.StatusCode, version.ExecutedVersion, json(version.Payload)],
    withoutLog: version.LogResult ?? null,
    failed: [failed.StatusCode, failed.FunctionError, json(failed.Payload)],
    succeeded: answer.FunctionError ?? null,
    dry: dry.StatusCode,
    later: [event.StatusCode, older.Status],
    events,
  };
}

export async function streamed() {
  const FunctionName = "streamed";
  await make(FunctionName, "pieces", { Runtime: NODE, Publish: true });
  const gate = `${FOLDER}/gate`;

  async function invoke(input, payload) {
    const answer = await lambda.invokeWithResponseStream({
      FunctionName,
      Payload: JSON.stringify(payload),
      ...input,
    });
    const [pieces, completed] = [[], []];
    for await (const { PayloadChunk, InvokeComplete } of answer.EventStream) {
      if (PayloadChunk) pieces.push(new TextDecoder().decode(PayloadChunk.Payload));
      else completed.push(InvokeComplete);
      await writeFile(gate, ""); // which the function waits for after its first piece
    }
    const [{ ErrorCode, ErrorDetails, LogResult }] = completed;
    return {
      answer: [answer.StatusCode, answer.ExecutedVersion],
      pieces,
      completed: completed.length,
      error: ErrorCode && [ErrorCode, JSON.parse(ErrorDetails).errorMessage],
      log: LogResult && decoded(LogResult),
    };
  }

  const version = await invoke({ Qualifier: "1", LogType: "Tail" }, { gate });
  const failed = await invoke({}, { gate, fail: true });
  await make("not-streamed", "one");
  const whole = await invoke({ FunctionName: "not-streamed" }, null);
  const dry = await lambda.invokeWithResponseStream({ FunctionName, InvocationType: "DryRun" });
  return { version, failed, whole, dry: dry.StatusCode };
}

export async function destinations() {
  const FunctionName = "destinations";
  const [done, failed] = [await queue("done"), await queue("failed")];
  await make(FunctionName, "echo", { Publish: true });
  const put = await lambda.putFunctionEventInvokeConfig({
    FunctionName,
    MaximumRetryAttempts: 0,
    DestinationConfig: { OnSuccess: { Destination: done.arn } },
  });
  await lambda.updateFunctionEventInvokeConfig({
    FunctionName,
    MaximumEventAgeInSeconds: 600,
    DestinationConfig: { OnFailure: { Destination: failed.arn } },
  });
  const found = await lambda.getFunctionEventInvokeConfig({ FunctionName });
  const later = { FunctionName, InvocationType: "Event" };
  await lambda.invoke({ ...later, Payload: '{"a":1}' });
  await lambda.invoke({ ...later, Payload: '"fail"' });
  const records = [await nextIn(done), await nextIn(failed)];

  const ofVersion = { FunctionName, Qualifier: "1" };
  await lambda.putFunctionEventInvokeConfig({ ...ofVersion, MaximumRetryAttempts: 1 });
  const configs = await collected(
    paginateListFunctionEventInvokeConfigs,
    "FunctionEventInvokeConfigs",
    { FunctionName },
  );
  await lambda.deleteFunctionEventInvokeConfig({ FunctionName });
  return {
    isOfNow: isNow(put.LastModified),
    found: [found.MaximumRetryAttempts, found.MaximumEventAgeInSeconds, found.DestinationConfig],
    conditions: records.map(({ requestContext }) => requestContext.condition),
    payloads: records.map(({ requestPayload }) => requestPayload),
    configs: configs.map(({ FunctionArn }) => FunctionArn),
    afterwards: await notThere(lambda.getFunctionEventInvokeConfig({ FunctionName })),
  };
}

export async function mapped() {
  const FunctionName = "mapped";
  const [orders, others] = [await queue("orders"), await queue("others")];
  const Environment = { Variables: { FIFO: `${FOLDER}/mapped` } };
  await make(FunctionName, "tell", { Environment });
  const mapping = {
    FunctionName,
    EventSourceArn: orders.arn,
    FilterCriteria: { Filters: [{ Pattern: '{"body":{"total":[{"numeric":[">",10]}]}}' }] },
    FunctionResponseTypes: ["ReportBatchItemFailures"],
    Tags: { team: "shop" },
  };
  const made = await lambda.createEventSourceMapping(mapping);
  const { UUID } = made;
  await sqs.sendMessage({ QueueUrl: orders.url, MessageBody: '{"total":5}' });
  const large = { QueueUrl: orders.url, MessageBody: '{"total":50}' };
  const { MessageId } = await sqs.sendMessage(large);
  const { Records } = await told("mapped");
  const again = await conflict(lambda.createEventSourceMapping(mapping));

  const { arn: EventSourceArn } = others;
  await lambda.createEventSourceMapping({ FunctionName, EventSourceArn, Enabled: false });
  const list = (input) => collected(paginateListEventSourceMappings, "EventSourceMappings", input);
  const [ofFunction, ofOthers] = [await list({ FunctionName }), await list({ EventSourceArn })];
  const change = { UUID, Enabled: false, BatchSize: 5 };
  const states = [made.State, (await lambda.updateEventSourceMapping(change)).State];
  const found = await lambda.getEventSourceMapping({ UUID });
  const { Tags } = await lambda.listTags({ Resource: made.EventSourceMappingArn });
  states.push(found.State, (await lambda.deleteEventSourceMapping({ UUID })).State);
  return {
    records: Records.map(({ messageId, body }) => [messageId === MessageId, body]),
    again,
    ofFunction: ofFunction.map((each) => each.EventSourceArn).sort(),
    ofOthers: ofOthers.map((each) => each.EventSourceArn),
    states,
    batchSize: found.BatchSize,
    isOfNow: isNow(found.LastModified),
    tags: Tags,
    afterwards: await notThere(lambda.getEventSourceMapping({ UUID })),
  };
}

export async function behindUrls() {
  const FunctionName = "behind-urls";
  const next = { FunctionName, Qualifier: "next" };
  await make(FunctionName, "echo", { Publish: true });
  await lambda.createAlias({ FunctionName, Name: "next", FunctionVersion: "1" });

  // Names below localhost need not resolve everywhere.
  const post = ({ FunctionUrl }, path) =>
    new Promise((resolve, reject) => {
      const headers = { host: new URL(FunctionUrl).host, "content-type": "text/plain" };
      request(AWS_ENDPOINT_URL + path, { method: "POST", headers }, async (response) => {
        const body = await text(response);
        const isJson = response.headers["content-type"] === "application/json";
        resolve([response.statusCode, isJson ? JSON.parse(body) : body]);
      })
        .on("error", reject)
        .end("ä");
    });

  const Cors = { AllowOrigins: ["http://shop.test"], AllowMethods: ["POST"], MaxAge: 60 };
  const made = await lambda.createFunctionUrlConfig({ FunctionName, AuthType: "NONE", Cors });
  const again = await conflict(lambda.createFunctionUrlConfig({ FunctionName, AuthType: "NONE" }));
  const ofAlias = await lambda.createFunctionUrlConfig({ ...next, AuthType: "NONE" });
  const [[status, { event }], [, { version }]] = [
    await post(made, "/orders?a=1"),
    await post(ofAlias, "/"),
  ];
  const urls = await collected(paginateListFunctionUrlConfigs, "FunctionUrlConfigs", {
    FunctionName,
  });
  const changed = await lambda.updateFunctionUrlConfig({ FunctionName, AuthType: "AWS_IAM" });
  const [statusUnsigned] = await post(made, "/");
  const found = await lambda.getFunctionUrlConfig({ FunctionName });
  await lambda.deleteFunctionUrlConfig({ FunctionName });
  return {
    answered: [status, event.rawPath, event.queryStringParameters, event.body],
    versionOfAlias: version,
    again,
    urls: urls.map(({ FunctionUrl }) => FunctionUrl === made.FunctionUrl),
    changed: [changed.FunctionUrl === made.FunctionUrl, changed.AuthType, statusUnsigned],
    found: [found.AuthType, found.Cors, found.InvokeMode],
    afterwards: [
      (await post(made, "/"))[0],
      await notThere(lambda.getFunctionUrlConfig({ FunctionName })),
      (await lambda.getFunctionUrlConfig(next)).AuthType,
    ],
  };
}
