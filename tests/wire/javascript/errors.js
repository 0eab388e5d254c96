// What the SDK throws, and what of it the tests look at.

// The error that the answer is.
async function errorOf(answer) {
  try {
    await answer;
  } catch (error) {
    return error;
  }
  throw new Error("no error");
}

// The refusal that the answer is, and whether it is of the class that the SDK has for it.
export async function refusal(answer, kind) {
  const error = await errorOf(answer);
  return {
    name: error.name,
    message: error.message,
    status: error.$metadata?.httpStatusCode,
    fault: error.$fault,
    isItsClass: error instanceof kind,
    // Of an invocation that there is no room for:
    reason: error.Reason,
    retryAfterSeconds: error.retryAfterSeconds,
  };
}
