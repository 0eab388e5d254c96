// What the programs about functions have in common: the clients, and functions of zip files.

import { readFile } from "node:fs/promises";
import {
  Lambda,
  ResourceConflictException,
  ResourceNotFoundException,
} from "@aws-sdk/client-lambda";
import { SQS } from "@aws-sdk/client-sqs";
import { refusal } from "./errors.js";

// FOLDER has the zip files, and the FIFOs that functions write to.
const { FOLDER, PYTHON } = process.env;

export const lambda = new Lambda({ maxAttempts: 1 });
export const sqs = new SQS({ maxAttempts: 1 });

export const called = new Set();
lambda.middlewareStack.add(
  (next, { commandName }) =>
    (args) => {
      called.add(commandName.replace(/Command$/, ""));
      return next(args);
    },
  { step: "initialize" },
);

export const archive = (name) => readFile(`${FOLDER}/${name}.zip`);

// A function that is made of a zip file.
export const make = async (FunctionName, file, more) =>
  lambda.createFunction({
    FunctionName,
    Role: "arn:aws:iam::000000000000:role/any",
    Runtime: PYTHON,
    Handler: "app.handler",
    Timeout: 30,
    Code: { ZipFile: await archive(file) },
    ...more,
  });

export const notThere = (answer) => refusal(answer, ResourceNotFoundException);
export const conflict = (answer) => refusal(answer, ResourceConflictException);

export const json = (payload) => JSON.parse(payload.transformToString());

// What is on all pages, which are as small as can be.
export async function collected(paginate, member, input) {
  const found = [];
  for await (const page of paginate({ client: lambda, pageSize: 1 }, input))
    found.push(...page[member]);
  return found;
}
