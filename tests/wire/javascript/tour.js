// The tour of a program in JavaScript: every service once, with the SDK's own checks on (it compares
// the MD5s that SQS answers with). Prints what it saw as JSON; the test judges.

import {
  EventBridgeClient,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
} from "@aws-sdk/client-eventbridge";
import {
  GetFunctionCommand,
  InvokeCommand,
  LambdaClient,
  ResourceNotFoundException,
  TooManyRequestsException,
} from "@aws-sdk/client-lambda";
import {
  CreateTopicCommand,
  NotFoundException,
  PublishBatchCommand,
  PublishCommand,
  SNSClient,
  SubscribeCommand,
} from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  UnsupportedOperation,
} from "@aws-sdk/client-sqs";
import { refusal } from "./errors.js";

const [sqs, sns, events, lambda] = [SQSClient, SNSClient, EventBridgeClient, LambdaClient].map(
  (Client) => new Client({ maxAttempts: 1 }),
);

const text = (value) => ({ DataType: "String", StringValue: value });

async function receiveAll(QueueUrl, count) {
  const messages = [];
  while (messages.length < count) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 20,
        MessageAttributeNames: ["All"],
        MessageSystemAttributeNames: ["All"],
      }),
    );
    if (Messages.length === 0) throw new Error(`only ${messages.length} of ${count} messages`);
    messages.push(...Messages);
    const Entries = Messages.map(({ ReceiptHandle }, n) => ({ Id: `${n}`, ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }
  return messages;
}

const seen = {};

const { QueueUrl } = await sqs.send(
  new CreateQueueCommand({ QueueName: "javascript", Attributes: { VisibilityTimeout: "60" } }),
);
seen.queueUrl = QueueUrl;
const { Attributes } = await sqs.send(
  new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
);
seen.visibilityTimeout = Attributes.VisibilityTimeout;
const queueArn = Attributes.QueueArn;

await sqs.send(
  new SendMessageCommand({
    QueueUrl,
    MessageBody: "Grüße 🦉",
    MessageAttributes: {
      name: text("ä"),
      blob: { DataType: "Binary", BinaryValue: new Uint8Array([0, 255]) },
    },
  }),
);
await sqs.send(
  new SendMessageBatchCommand({
    QueueUrl,
    Entries: [
      { Id: "a", MessageBody: "one" },
      { Id: "b", MessageBody: "two" },
    ],
  }),
);
const messages = await receiveAll(QueueUrl, 3);
seen.bodies = messages.map(({ Body }) => Body);
seen.attribute = messages[0].MessageAttributes.name.StringValue;
seen.blob = [...messages[0].MessageAttributes.blob.BinaryValue];
seen.receiveCount = messages[0].Attributes.ApproximateReceiveCount;

const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: "javascript" }));
await sns.send(
  new SubscribeCommand({
    TopicArn,
    Protocol: "sqs",
    Endpoint: queueArn,
    Attributes: { RawMessageDelivery: "true" },
  }),
);
await sns.send(new PublishCommand({ TopicArn, Message: "published", Subject: "s" }));
const batch = await sns.send(
  new PublishBatchCommand({
    TopicArn,
    PublishBatchRequestEntries: [
      { Id: "a", Message: "batched", MessageAttributes: { name: text("ä") } },
      { Id: "b", Message: "batched", Subject: "x".repeat(100) },
    ],
  }),
);
seen.batch = [batch.Successful.map(({ Id }) => Id), batch.Failed.map(({ Code }) => Code)];
seen.published = (await receiveAll(QueueUrl, 2)).map(({ Body }) => Body);

await events.send(
  new PutRuleCommand({ Name: "javascript", EventPattern: '{"source":["javascript"]}' }),
);
await events.send(
  new PutTargetsCommand({ Rule: "javascript", Targets: [{ Id: "1", Arn: queueArn }] }),
);
const put = await events.send(
  new PutEventsCommand({
    Entries: [
      {
        Source: "javascript",
        DetailType: "t",
        Detail: '{"a":1}',
        Time: new Date("2026-01-02T03:04:05Z"),
      },
      { Source: "javascript", DetailType: "t" },
    ],
  }),
);
seen.failedEntries = put.FailedEntryCount;
seen.event = JSON.parse((await receiveAll(QueueUrl, 1))[0].Body);
seen.eventId = put.Entries[0].EventId;

const decode = (payload) => JSON.parse(new TextDecoder().decode(payload));
const answer = await lambda.send(
  new InvokeCommand({ FunctionName: "echo", Payload: '{"a":"ä"}', LogType: "Tail" }),
);
seen.invoked = [answer.StatusCode, answer.FunctionError ?? null, decode(answer.Payload).event];
const failed = await lambda.send(new InvokeCommand({ FunctionName: "exit" }));
seen.failed = [failed.StatusCode, failed.FunctionError, decode(failed.Payload).errorType];
const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName: "echo" }));
seen.handler = Configuration.Handler;

seen.errors = {
  queue: await refusal(
    sqs.send(new GetQueueUrlCommand({ QueueName: "nowhere" })),
    QueueDoesNotExist,
  ),
  unsupported: await refusal(
    sqs.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: "a",
        MessageAttributes: { a: { DataType: "String", StringValue: "b", StringListValues: ["c"] } },
      }),
    ),
    UnsupportedOperation,
  ),
  topic: await refusal(
    sns.send(new PublishCommand({ TopicArn: `${TopicArn}x`, Message: "a" })),
    NotFoundException,
  ),
  function: await refusal(
    lambda.send(new InvokeCommand({ FunctionName: "nowhere" })),
    ResourceNotFoundException,
  ),
};
seen.throttled = await refusal(
  lambda.send(new InvokeCommand({ FunctionName: "off" })),
  TooManyRequestsException,
);

console.log(JSON.stringify(seen));
