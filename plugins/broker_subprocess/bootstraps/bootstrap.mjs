// The Node.js runtime: asks for events, calls the handler, answers.
//
// It runs in the function's own process, with nothing but what Node.js brings, and speaks the Lambda
// Runtime API on one connection that stays open. Handlers are async functions, or take a callback.

import { existsSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const environment = process.env;
const [host, port] = environment.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ROOT = "/2018-06-01/runtime/";
const EXTENSIONS = ["", ".js", ".mjs", ".cjs"];

let requestId = "";

function exchange(method, to, body, errorType) {
  const headers = {};
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    headers["Content-Length"] = Buffer.byteLength(body);
  }
  if (errorType !== undefined) headers["Lambda-Runtime-Function-Error-Type"] = errorType;
  const options = { host, port, method, path: ROOT + to, headers, agent };
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve([response.headers, Buffer.concat(chunks)]));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.setNoDelay(true);
    request.end(body);
  });
}

// A handler that writes its result piece by piece: awslambda.streamifyResponse(async (event, stream,
// context) => …), as on Lambda.
const STREAMING = Symbol("streaming");
const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";

globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[STREAMING] = true;
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType(PRELUDE_TYPE);
      stream.write(JSON.stringify(prelude));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

async function stream(handler, event, context) {
  const headers = {
    "Content-Type": "application/octet-stream",
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
  };
  const to = ROOT + `invocation/${context.awsRequestId}/response`;
  const request = http.request({ host, port, method: "POST", path: to, headers, agent });
  const answered = new Promise((resolve, reject) => {
    request.on("response", (response) => {
      response.resume();
      response.on("end", resolve);
    });
    request.on("error", reject);
  });
  request.setNoDelay(true);
  request.setContentType = (type) => {
    if (!request.headersSent) request.setHeader("Content-Type", type);
  };
  try {
    await handler(event, request, context);
  } catch (error) {
    const report = reportOf(error);
    console.error("Invoke Error", JSON.stringify({ ...report, stack: report.trace }));
    request.addTrailers({
      "Lambda-Runtime-Function-Error-Type": headerText(report.errorType),
      "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(report)).toString("base64"),
    });
  }
  if (!request.writableEnded) request.end();
  await answered;
}

function reportOf(error, type) {
  if (!(error instanceof Error)) {
    return { errorType: type ?? typeof error, errorMessage: format("%s", error), trace: [] };
  }
  return {
    errorType: type ?? error.name,
    errorMessage: error.message,
    trace: (error.stack ?? "").split("\n"),
  };
}

class HandlerError extends Error {
  constructor(type, message) {
    super(message);
    this.type = type;
  }
}

async function load(file) {
  // import() takes CommonJS modules as well, but hides what they fail with behind its own words.
  if (file.endsWith(".mjs")) return import(pathToFileURL(file));
  try {
    return createRequire(file)(file);
  } catch (error) {
    if (error.code !== "ERR_REQUIRE_ESM" && !(error instanceof SyntaxError)) throw error;
    return import(pathToFileURL(file));
  }
}

async function findHandler(name) {
  const [, directory, moduleName, functionName] =
    /^(.*\/)?([^./]+)\.([^/]+)$/.exec(name) ?? [];
  if (functionName === undefined) {
    throw new HandlerError("Runtime.MalformedHandlerName", "Bad handler");
  }
  const stem = path.join(environment.LAMBDA_TASK_ROOT, directory ?? "", moduleName);
  const file = EXTENSIONS.slice(1).map((extension) => stem + extension).find(existsSync);
  if (file === undefined) {
    throw new HandlerError(
      "Runtime.ImportModuleError", `Error: Cannot find module '${moduleName}'`,
    );
  }
  let module;
  try {
    module = await load(file);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new HandlerError("Runtime.UserCodeSyntaxError", String(error));
    }
    if (error.code === "MODULE_NOT_FOUND" || error.code === "ERR_MODULE_NOT_FOUND") {
      throw new HandlerError("Runtime.ImportModuleError", String(error));
    }
    throw error;
  }
  const steps = functionName.split(".");
  const find = (from) => steps.reduce((found, step) => found?.[step], from);
  const handler = find(module) ?? find(module.default);
  if (handler === undefined) {
    throw new HandlerError("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  }
  if (typeof handler !== "function") {
    throw new HandlerError("Runtime.HandlerNotFound", `${name} is not a function`);
  }
  return handler;
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const clientContext = headers["lambda-runtime-client-context"];
  return {
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: clientContext === undefined ? undefined : JSON.parse(clientContext),
    identity: undefined,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
  };
}

function call(handler, event, context) {
  return new Promise((resolve, reject) => {
    const done = (error, result) =>
      error === undefined || error === null ? resolve(result) : reject(error);
    context.done = done;
    context.succeed = (result) => done(null, result);
    context.fail = (error) => done(error ?? new Error("handled"));
    const returned = handler(event, context, done);
    if (typeof returned?.then === "function") returned.then(resolve, reject);
    else if (handler.length < 3) resolve(returned); // it takes no callback: that was its result
  });
}

async function serve(handler) {
  for (;;) {
    const [headers, body] = await exchange("GET", "invocation/next");
    const context = contextOf(headers);
    environment._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"]; // SDKs send it on
    requestId = context.awsRequestId;
    if (handler[STREAMING]) {
      await stream(handler, JSON.parse(body), context);
      continue;
    }
    let answer;
    try {
      const result = await call(handler, JSON.parse(body), context);
      answer = JSON.stringify(result) ?? "null";
    } catch (error) {
      const report = reportOf(error);
      console.error("Invoke Error", JSON.stringify({ ...report, stack: report.trace }));
      const to = `invocation/${requestId}/error`;
      await exchange("POST", to, JSON.stringify(report), headerText(report.errorType));
      continue;
    }
    await exchange("POST", `invocation/${requestId}/response`, answer);
  }
}

function headerText(text) {
  return text.replace(/[^ -~]/g, "?");
}

function logLines() {
  // As on Lambda: time, request and level before what is written.
  for (const [method, level] of [
    ["log", "INFO"], ["info", "INFO"], ["debug", "DEBUG"], ["warn", "WARN"], ["error", "ERROR"],
    ["trace", "TRACE"],
  ]) {
    console[method] = (...parts) => {
      const text = format(...parts).replaceAll("\n", "\r");
      process.stdout.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${text}\n`);
    };
  }
}

async function failForGood(to, error, type) {
  const report = reportOf(error, type);
  console.error("Uncaught Exception", JSON.stringify({ ...report, stack: report.trace }));
  try {
    await exchange("POST", to, JSON.stringify(report), headerText(report.errorType));
  } finally {
    process.exit(129);
  }
}

logLines();
process.on("uncaughtException", (error) => {
  failForGood(requestId ? `invocation/${requestId}/error` : "init/error", error);
});
process.on("unhandledRejection", (error) => {
  const to = requestId ? `invocation/${requestId}/error` : "init/error";
  failForGood(to, error, "Runtime.UnhandledPromiseRejection");
});
try {
  const handler = await findHandler(environment._HANDLER);
  await serve(handler);
} catch (error) {
  if (requestId) process.exit(0); // the daemon has gone
  await failForGood("init/error", error, error.type);
}
