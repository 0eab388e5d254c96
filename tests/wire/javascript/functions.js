// Functions as programs in JavaScript have them: made of zip files, changed, kept as versions, invoked;
// each scenario with functions of its own, all at once. Prints what was seen as JSON; the test judges.
// Nobody waits for time to pass.

import {
  InvalidParameterValueException,
  InvalidRequestContentException,
  LambdaServiceException,
  paginateListAliases,
  paginateListFunctions,
  paginateListVersionsByFunction,
  PreconditionFailedException,
  TooManyRequestsException,
  waitUntilFunctionActiveV2,
  waitUntilFunctionExists,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from "@aws-sdk/client-lambda";
import { refusal } from "./errors.js";
import * as invocations from "./invocations.js";
import { archive, called, collected, conflict, json, lambda, make, notThere } from "./lambda.js";

const resultOf = async (FunctionName, more) =>
  json((await lambda.invoke({ FunctionName, ...more })).Payload);

async function distinctResults(FunctionName, more) {
  const results = new Set();
  for (let n = 0; n < 60; n++) results.add(await resultOf(FunctionName, more));
  return [...results].sort();
}

const waitedFor = async (waiter, input) =>
  (await waiter({ client: lambda, maxWaitTime: 30 }, input)).state;

async function madeOfZipFiles() {
  const FunctionName = "made-of-zip-files";
  const one = await archive("one");
  const made = await make(FunctionName, "one", { Publish: true });
  const waited = [
    await waitedFor(waitUntilFunctionExists, { FunctionName }),
    await waitedFor(waitUntilFunctionActiveV2, { FunctionName }),
    await waitedFor(waitUntilPublishedVersionActive, { FunctionName, Qualifier: made.Version }),
  ];
  const { Code } = await lambda.getFunction({ FunctionName });
  const downloaded = Buffer.from(await (await fetch(Code.Location)).arrayBuffer());
  const results = [await resultOf(FunctionName)];

  const change = { FunctionName, ZipFile: await archive("two") };
  const tried = await lambda.updateFunctionCode({ ...change, DryRun: true });
  results.push(await resultOf(FunctionName));
  await lambda.updateFunctionCode(change);
  waited.push(await waitedFor(waitUntilFunctionUpdatedV2, { FunctionName }));
  results.push(await resultOf(FunctionName));

  await lambda.updateFunctionCode({ FunctionName, ZipFile: await archive("echo") });
  const Environment = { Variables: { STAGE: "tést" } };
  await lambda.updateFunctionConfiguration({ FunctionName, Environment, Timeout: 31 });
  const configured = await lambda.getFunctionConfiguration({ FunctionName });
  results.push((await resultOf(FunctionName)).stage);

  const all = await collected(paginateListFunctions, "Functions", { FunctionVersion: "ALL" });
  await lambda.deleteFunction({ FunctionName });
  return {
    made: [made.$metadata.httpStatusCode, made.Version, made.CodeSize === one.length],
    waited,
    downloadedIsTheSame: downloaded.equals(one),
    triedIsOther: tried.CodeSha256 !== made.CodeSha256,
    results,
    configured: [configured.Environment.Variables.STAGE, configured.Timeout],
    listed: all.filter((each) => each.FunctionName === FunctionName).map((each) => each.Version),
    afterwards: await notThere(lambda.getFunction({ FunctionName })),
  };
}

async function versionsAndAliases() {
  const FunctionName = "versions";
  const live = { FunctionName, Name: "live" };
  const byAlias = { Qualifier: "live" };
  await make(FunctionName, "one");
  const first = await lambda.publishVersion({ FunctionName, Description: "the first" });
  await lambda.updateFunctionCode({ FunctionName, ZipFile: await archive("two"), Publish: true });
  const versions = await collected(paginateListVersionsByFunction, "Versions", { FunctionName });
  const results = [];
  for (const Qualifier of ["1", "2", "$LATEST"])
    results.push(await resultOf(FunctionName, { Qualifier }));

  const half = { AdditionalVersionWeights: { 2: 0.5 } };
  const made = await lambda.createAlias({ ...live, FunctionVersion: "1", RoutingConfig: half });
  const shared = await distinctResults(FunctionName, byAlias);
  const all = { AdditionalVersionWeights: { 2: 1 } };
  await lambda.updateAlias({ ...live, RoutingConfig: all });
  const moved = await distinctResults(FunctionName, byAlias);
  const { ExecutedVersion } = await lambda.invoke({ FunctionName, ...byAlias });
  await lambda.updateAlias({ ...live, RoutingConfig: { AdditionalVersionWeights: {} } });
  const back = await distinctResults(FunctionName, byAlias);
  const found = await lambda.getAlias(live);

  await lambda.createAlias({ FunctionName, Name: "next", FunctionVersion: "2" });
  const aliases = await collected(paginateListAliases, "Aliases", { FunctionName });
  const ofSecond = { FunctionName, FunctionVersion: "2" };
  const inUse = await conflict(lambda.deleteFunction({ FunctionName, Qualifier: "1" }));
  await lambda.deleteAlias(live);
  await lambda.deleteFunction({ FunctionName, Qualifier: "1" });
  return {
    first: [first.Version, first.Description],
    versions: versions.map(({ Version }) => Version),
    results,
    weights: made.RoutingConfig.AdditionalVersionWeights,
    shared,
    moved: [...moved, ExecutedVersion],
    back: [...back, found.RoutingConfig ?? null],
    aliases: aliases.map(({ Name, FunctionVersion }) => [Name, FunctionVersion]),
    ofSecond: (await lambda.listAliases(ofSecond)).Aliases.map(({ Name }) => Name),
    inUse,
    afterwards: [
      await notThere(lambda.getAlias(live)),
      await notThere(lambda.invoke({ FunctionName, Qualifier: "1" })),
    ],
  };
}

async function permissionsAndTags() {
  const FunctionName = "permissions";
  const { FunctionArn: Resource } = await make(FunctionName, "one", { Tags: { team: "shop" } });
  const StatementId = "news";
  const permission = {
    FunctionName,
    StatementId,
    Action: "lambda:InvokeFunction",
    Principal: "sns.amazonaws.com",
    SourceArn: "arn:aws:sns:us-east-1:000000000000:news",
  };
  const before = await notThere(lambda.getPolicy({ FunctionName }));
  const added = await lambda.addPermission(permission);
  const again = await conflict(lambda.addPermission(permission));
  const { Policy, RevisionId } = await lambda.getPolicy({ FunctionName });
  const stale = await refusal(
    lambda.removePermission({ FunctionName, StatementId, RevisionId: "another" }),
    PreconditionFailedException,
  );
  await lambda.removePermission({ FunctionName, StatementId, RevisionId });

  await lambda.tagResource({ Resource, Tags: { stage: "tést", cost: "1" } });
  await lambda.untagResource({ Resource, TagKeys: ["team", "cost"] });
  return {
    before,
    statements: JSON.parse(Policy).Statement,
    added: JSON.parse(added.Statement),
    again,
    stale,
    afterwards: await notThere(lambda.getPolicy({ FunctionName })),
    tags: (await lambda.listTags({ Resource })).Tags,
    shownTags: (await lambda.getFunction({ FunctionName })).Tags,
  };
}

async function concurrency() {
  const FunctionName = "concurrency";
  await make(FunctionName, "one");
  const unreserved = async () =>
    (await lambda.getAccountSettings({})).AccountLimit.UnreservedConcurrentExecutions;
  const reserve = (ReservedConcurrentExecutions) =>
    lambda.putFunctionConcurrency({ FunctionName, ReservedConcurrentExecutions });
  const reserved = async () =>
    (await lambda.getFunctionConcurrency({ FunctionName })).ReservedConcurrentExecutions ?? null;

  const steps = [await reserved()];
  const before = await unreserved();
  await reserve(7);
  const taken = before - (await unreserved());
  steps.push(await reserved());
  const tooMuch = await refusal(reserve(901), InvalidParameterValueException);
  await reserve(0);
  const refusals = [
    await refusal(lambda.invoke({ FunctionName }), TooManyRequestsException),
    await refusal(lambda.invokeWithResponseStream({ FunctionName }), TooManyRequestsException),
  ];
  steps.push(await reserved());
  await lambda.deleteFunctionConcurrency({ FunctionName });
  steps.push(await reserved());
  const { AccountLimit, AccountUsage } = await lambda.getAccountSettings({});
  return {
    steps,
    taken,
    tooMuch,
    refusals,
    afterwards: await resultOf(FunctionName),
    limit: AccountLimit.ConcurrentExecutions,
    hasUsage: AccountUsage.FunctionCount > 0 && AccountUsage.TotalCodeSize > 0,
  };
}

async function leadingToItself() {
  const FunctionName = "leading-to-itself";
  await make(FunctionName, "one");
  const choice = async () =>
    (await lambda.getFunctionRecursionConfig({ FunctionName })).RecursiveLoop;
  const before = await choice();
  await lambda.putFunctionRecursionConfig({ FunctionName, RecursiveLoop: "Allow" });
  return [before, await choice()];
}

async function refused() {
  const FunctionName = "refused";
  const made = await make(FunctionName, "one");
  await lambda.updateFunctionConfiguration({ FunctionName, Timeout: 9 });
  const invalid = (answer) => refusal(answer, InvalidParameterValueException);
  const layer = "arn:aws:lambda:us-east-1:000000000000:layer:a:1";
  return {
    missing: await notThere(lambda.invoke({ FunctionName: "nowhere" })),
    existing: await conflict(make(FunctionName, "one")),
    invalid: await invalid(make("never", "one", { MemorySize: 1 })),
    unsupported: await invalid(make("never", "one", { Layers: [layer] })),
    stale: await refusal(
      lambda.updateFunctionConfiguration({ FunctionName, RevisionId: made.RevisionId }),
      PreconditionFailedException,
    ),
    noJson: await refusal(
      lambda.invoke({ FunctionName, Payload: "{" }),
      InvalidRequestContentException,
    ),
    // The SDK has no class for what Lambda answers here; nor for actions that aren't there.
    tooLarge: await refusal(
      lambda.invoke({ FunctionName, Payload: `"${"x".repeat(6 * 1024 * 1024)}"` }),
      LambdaServiceException,
    ),
    otherAction: await refusal(lambda.listLayers({}), LambdaServiceException),
  };
}

const scenarios = {
  madeOfZipFiles,
  versionsAndAliases,
  permissionsAndTags,
  concurrency,
  leadingToItself,
  refused,
  ...invocations,
};

const seen = await Promise.all(
  Object.entries(scenarios).map(async ([name, run]) => [name, await run()]),
);
console.log(JSON.stringify({ ...Object.fromEntries(seen), called: [...called] }));
