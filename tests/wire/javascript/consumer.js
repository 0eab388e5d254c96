// Consumers made with the package sqs-consumer, each on a queue of its own, all at once. Prints what
// they saw as JSON; the test judges. Nobody waits for time to pass but the package itself.

import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";

const sqs = new SQSClient({ maxAttempts: 1 });

async function queueWith(name, bodies) {
  const { QueueUrl } = await sqs.send(
    new CreateQueueCommand({ QueueName: name, Attributes: { VisibilityTimeout: "600" } }),
  );
  await send(QueueUrl, bodies);
  return QueueUrl;
}

async function send(QueueUrl, bodies) {
  for (let n = 0; n < bodies.length; n += 10) {
    const Entries = bodies.slice(n, n + 10).map((MessageBody, i) => ({
      Id: `${i}`,
      MessageBody,
      MessageAttributes: { length: { DataType: "Number", StringValue: `${MessageBody.length}` } },
    }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  }
}

// What is there to be received now, with its receive count.
async function receiveNow(QueueUrl) {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 0,
      VisibilityTimeout: 0,
      MessageSystemAttributeNames: ["ApproximateReceiveCount"],
    }),
  );
  return Messages.map(({ Body, Attributes }) => [Body, Attributes.ApproximateReceiveCount]);
}

const receiveCount = ({ Attributes }) => Number(Attributes.ApproximateReceiveCount);

// A consumer, with what it says of itself written down.
function consumer(queueUrl, options) {
  const made = Consumer.create({
    queueUrl,
    messageSystemAttributeNames: ["All"],
    messageAttributeNames: ["All"],
    strictReturn: true,
    ...options,
  });
  made.errors = [];
  for (const name of ["error", "processing_error", "timeout_error"])
    made.on(name, (error) => made.errors.push([name, error.message]));
  return made;
}

const happens = (made, event) => new Promise((resolve) => made.once(event, resolve));

async function runUntil(made, event) {
  made.start();
  await happens(made, event);
  made.stop();
}

async function oneByOne() {
  const url = await queueWith("one-by-one", ["ä", "b", "c"]);
  const handled = [];
  // As most programs have it: without a client of its own, and so at the queue's URL.
  const made = consumer(url, {
    region: "us-east-1",
    waitTimeSeconds: 1,
    handleMessage: async (message) => {
      handled.push([message.Body, message.MessageAttributes.length.StringValue]);
      return message;
    },
  });
  await runUntil(made, "empty");
  return { handled, errors: made.errors };
}

async function inBatches() {
  const bodies = Array.from({ length: 25 }, (_, n) => `${n}`);
  const url = await queueWith("in-batches", bodies);
  const batches = [];
  const made = consumer(url, {
    sqs,
    batchSize: 10,
    waitTimeSeconds: 1,
    handleMessageBatch: async (messages) => {
      batches.push(messages.map(({ Body }) => Body));
      return messages.filter(({ Body }) => Body !== "13");
    },
  });
  await runUntil(made, "empty");
  return { batches, errors: made.errors };
}

// A handler that fails at first, and what becomes of the message.
async function failing(name, options) {
  const url = await queueWith(name, ["a"]);
  const handled = [];
  const made = consumer(url, {
    sqs,
    ...options,
    handleMessage: async (message) => {
      handled.push(receiveCount(message));
      if (receiveCount(message) < 3) throw new Error("not yet");
      return message;
    },
  });
  await runUntil(made, "message_processed");
  return { handled, errors: made.errors, left: await receiveNow(url) };
}

async function failingInBatches() {
  const url = await queueWith("failing-batches", ["a", "b"]);
  const handled = [];
  const made = consumer(url, {
    sqs,
    batchSize: 10,
    terminateVisibilityTimeout: true,
    handleMessageBatch: async (messages) => {
      handled.push(messages.map(({ Body }) => Body));
      if (messages.some((message) => receiveCount(message) < 2)) throw new Error("not yet");
      return messages;
    },
  });
  await runUntil(made, "message_processed");
  return { handled, errors: made.errors, left: await receiveNow(url) };
}

// A message that is worked on for longer than its visibility timeout, kept by heartbeats.
async function beating(name, handlerOf) {
  const url = await queueWith(name, ["a"]);
  const client = new SQSClient({ maxAttempts: 1 });
  let beats = 0;
  let enough;
  const long = new Promise((resolve) => (enough = resolve));
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const answer = await next(args);
        if (commandName.startsWith("ChangeMessageVisibility") && ++beats === 5) enough();
        return answer;
      },
    { step: "initialize" },
  );
  let seenByOthers;
  const work = async () => {
    await long;
    seenByOthers = await receiveNow(url);
  };
  const made = consumer(url, {
    sqs: client,
    visibilityTimeout: 4,
    heartbeatInterval: 1,
    ...handlerOf(work),
  });
  await runUntil(made, "response_processed");
  return { beats, seenByOthers, errors: made.errors, left: await receiveNow(url) };
}

async function longPolling() {
  const url = await queueWith("long-polling", []);
  let polls = 0;
  const made = consumer(url, {
    sqs,
    waitTimeSeconds: 20,
    preReceiveMessageCallback: async () => {
      polls += 1;
    },
    handleMessage: async (message) => message,
  });
  const processed = runUntil(made, "message_processed");
  await send(url, ["a"]);
  await processed;
  return { polls, errors: made.errors, left: await receiveNow(url) };
}

// Stopped while it waits for messages: what comes afterwards is for others.
async function aborted() {
  const url = await queueWith("aborted", []);
  const polling = {};
  polling.begun = new Promise((resolve) => (polling.begin = resolve));
  const handled = [];
  const made = consumer(url, {
    sqs,
    waitTimeSeconds: 20,
    preReceiveMessageCallback: async () => polling.begin(),
    handleMessage: async (message) => {
      handled.push(message.Body);
      return message;
    },
  });
  made.start();
  await polling.begun;
  const failed = happens(made, "error");
  made.stop({ abort: true });
  await failed;
  await send(url, ["a"]);
  return { handled, errors: made.errors, left: await receiveNow(url), status: made.status };
}

// Stopped while it works: the message is finished with, and no other one begun.
async function finishing() {
  const url = await queueWith("finishing", ["a", "b"]);
  const handled = [];
  const made = consumer(url, {
    sqs,
    pollingCompleteWaitTimeMs: 60_000,
    handleMessage: async (message) => {
      handled.push(message.Body);
      made.stop();
      return message;
    },
  });
  made.start();
  await happens(made, "stopped");
  return { handled, errors: made.errors, left: await receiveNow(url) };
}

const scenarios = {
  oneByOne,
  inBatches,
  failing: () => failing("failing", { visibilityTimeout: 1 }),
  terminating: () => failing("terminating", { terminateVisibilityTimeout: true }),
  terminatingLater: () =>
    failing("terminating-later", { terminateVisibilityTimeout: () => 1 }),
  failingInBatches,
  beating: () =>
    beating("beating", (work) => ({
      handleMessage: async (message) => {
        await work();
        return message;
      },
    })),
  beatingInBatches: () =>
    beating("beating-in-batches", (work) => ({
      handleMessageBatch: async (messages) => {
        await work();
        return messages;
      },
    })),
  longPolling,
  aborted,
  finishing,
};

const seen = await Promise.all(
  Object.entries(scenarios).map(async ([name, run]) => [name, await run()]),
);
console.log(JSON.stringify(Object.fromEntries(seen)));
