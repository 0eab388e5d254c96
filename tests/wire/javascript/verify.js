// Checks the signatures of the documents that come as a JSON array on standard input, as receivers of
// SNS do; answers with an array: null for one that is good, else what is wrong with it.

import { text } from "node:stream/consumers";
import MessageValidator from "sns-validator";

const validator = new MessageValidator(/^localhost:[0-9]+$/);
const verdict = (document) =>
  new Promise((resolve) => validator.validate(document, (error) => resolve(error?.message ?? null)));

const documents = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(await Promise.all(documents.map(verdict))));
