// Runs the actions of the service that SERVICE names, e.g. SQS or EventBridge, that come as JSON, one
// on a line, through the SDK, and answers each with a line: what the SDK returned, or the error it
// threw. Bytes are written in base64, both ways; times as text.

import { createInterface } from "node:readline";

const service = process.env.SERVICE;
const client = await import(`@aws-sdk/client-${service.toLowerCase()}`);
const sender = new client[`${service}Client`]({ maxAttempts: 1 });

const BYTES = ["BinaryValue", "Payload", "ZipFile"];
const withTypes = (name, value) => {
  if (BYTES.includes(name)) return new Uint8Array(Buffer.from(value, "base64"));
  const isTime = /(Time|Date)$/.test(name) && /^\d{4}-\d\d-\d\dT/.test(value);
  return isTime ? new Date(value) : value;
};
const withText = (_, value) =>
  value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;

for await (const line of createInterface({ input: process.stdin })) {
  const [action, members] = JSON.parse(line, withTypes);
  try {
    const { $metadata, ...answer } = await sender.send(new client[`${action}Command`](members));
    console.log(JSON.stringify({ answer }, withText));
  } catch (error) {
    if (!(error instanceof client[`${service}ServiceException`])) throw error;
    console.log(JSON.stringify({ code: error.Code ?? error.name, message: error.message }));
  }
}
