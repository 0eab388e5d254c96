"""Lambda actions on concurrency: reserved concurrency, the account's, recursion"""

from broker.core.limits import CODE_UNZIPPED_BYTES_MAX, CODE_ZIPPED_BYTES_MAX
from broker.core.names import Namespace
from broker.edge.aws.lambda_.answers import answer
from broker.edge.aws.lambda_.location import locate_function
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.rest import decode
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations
from broker.edge.http.message import Response


class PutFunctionConcurrencyRequest(Members, kw_only=True):
    reserved_concurrent_executions: int


@lambda_.route("PUT", "/2017-10-31/functions/{}/concurrency")
async def put_function_concurrency(call: Call, label: str) -> Response:
    """Reserve a part of the account's concurrency; none at all stops the function."""
    request = decode(call, PutFunctionConcurrencyRequest)
    executions = request.reserved_concurrent_executions
    v = Violations()
    v.range("reservedConcurrentExecutions", executions, 0, 1 << 31)
    v.check()
    namespace, name = locate_function(call, label)
    await call.broker.function_definitions.reserve(namespace, name, executions)
    return answer(call, {"ReservedConcurrentExecutions": executions})


@lambda_.route("GET", "/2019-09-30/functions/{}/concurrency")
async def get_function_concurrency(call: Call, label: str) -> Response:
    """What is reserved; nothing said if nothing is."""
    namespace, name = locate_function(call, label)
    reserved = call.broker.functions.get(namespace, name).reserved_concurrency
    return answer(call, {} if reserved is None else {"ReservedConcurrentExecutions": reserved})


@lambda_.route("DELETE", "/2017-10-31/functions/{}/concurrency")
async def delete_function_concurrency(call: Call, label: str) -> Response:
    """Have the function share what is unreserved."""
    namespace, name = locate_function(call, label)
    await call.broker.function_definitions.reserve(namespace, name, None)
    return answer(call, None, 204)


@lambda_.route("GET", "/2016-08-19/account-settings")
async def get_account_settings(call: Call) -> Response:
    """Limits, and what is used."""
    namespace: Namespace = call.namespace
    functions = call.broker.functions.all(namespace)
    versions = call.broker.registry.resources(namespace).function_versions.values()
    code = {(f.name, f.code_sha256): f.code_size for f in functions}
    code |= {(v.function.name, v.function.code_sha256): v.function.code_size for v in versions}
    ledger = call.broker.functions.ledger(namespace)
    return answer(
        call,
        {
            "AccountLimit": {
                "TotalCodeSize": 1 << 40,  # as much as the disk holds
                "CodeSizeUnzipped": CODE_UNZIPPED_BYTES_MAX,
                "CodeSizeZipped": CODE_ZIPPED_BYTES_MAX,
                "ConcurrentExecutions": ledger.account_limit,
                "UnreservedConcurrentExecutions": ledger.unreserved_limit,
            },
            "AccountUsage": {
                "TotalCodeSize": sum(code.values()),
                "FunctionCount": len(functions),
            },
        },
    )


class PutFunctionRecursionConfigRequest(Members, kw_only=True):
    recursive_loop: str


@lambda_.route("PUT", "/2024-08-31/functions/{}/recursion-config")
async def put_function_recursion_config(call: Call, label: str) -> Response:
    """Whether a function may lead to itself without end."""
    choice = decode(call, PutFunctionRecursionConfigRequest).recursive_loop
    v = Violations()
    v.choice("recursiveLoop", choice, ["Allow", "Terminate"])
    v.check()
    namespace, name = locate_function(call, label)
    await call.broker.function_definitions.allow_loops(namespace, name, choice)
    return answer(call, {"RecursiveLoop": choice})


@lambda_.route("GET", "/2024-08-31/functions/{}/recursion-config")
async def get_function_recursion_config(call: Call, label: str) -> Response:
    """Whether it may."""
    namespace, name = locate_function(call, label)
    return answer(
        call, {"RecursiveLoop": call.broker.functions.get(namespace, name).recursive_loop}
    )
