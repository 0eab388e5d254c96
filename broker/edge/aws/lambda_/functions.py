"""Lambda actions on functions: create, get, list, update, delete"""

import base64
import binascii
from typing import Any
from urllib.parse import quote

import msgspec

from broker.core.errors import FunctionDoesNotExist, InvalidParameter, NotSupported
from broker.core.names import FUNCTION_NAME, LATEST, Namespace, label_of
from broker.core.resources import Function, FunctionVersion
from broker.edge.aws.lambda_.answers import FUNCTIONS, answer, limit_of
from broker.edge.aws.lambda_.location import locate, locate_function
from broker.edge.aws.lambda_.members import Settings, configuration
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.rest import decode
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.tag_map import checked_tags
from broker.edge.aws.validation import Violations
from broker.edge.http.message import Response
from broker.runtime.invokers import UPLOAD_INVOKER

__all__ = ["version_configuration"]


class Code(Members, kw_only=True):
    zip_file: str | None = None  # base64
    s3_bucket: Refused = msgspec.field(default=None, name="S3Bucket")
    s3_key: Refused = msgspec.field(default=None, name="S3Key")
    s3_object_version: Refused = msgspec.field(default=None, name="S3ObjectVersion")
    s3_object_storage_mode: Refused = msgspec.field(default=None, name="S3ObjectStorageMode")
    image_uri: Refused = None
    source_kms_key_arn: Refused = msgspec.field(default=None, name="SourceKMSKeyArn")


class CreateFunctionRequest(Settings, kw_only=True):
    function_name: str
    code: Code
    publish: bool = False
    package_type: str = "Zip"
    architectures: list[str] | None = None
    tags: dict[str, str] | None = None
    code_signing_config_arn: Refused = None
    tenancy_config: Refused = None
    publish_to: Refused = None


@lambda_.route("POST", FUNCTIONS)
async def create_function(call: Call) -> Response:
    """Make a function of a zip file."""
    request = decode(call, CreateFunctionRequest)
    v = Violations()
    if request.role is None:
        v.missing("role")
    v.choice("packageType", request.package_type, ["Zip", "Image"])
    v.check()
    namespace, name = locate_function(call, request.function_name)
    if request.package_type == "Image":
        raise NotSupported("PackageType Image is not supported by this broker.")
    if request.runtime is None:
        raise InvalidParameter("Runtime is mandatory for functions with code from a Zip archive.")
    if request.handler is None:
        raise InvalidParameter("Handler is mandatory for functions with code from a Zip archive.")
    if not FUNCTION_NAME.fullmatch(name) or namespace != call.namespace:
        raise InvalidParameter("A function is made in the account of its caller.")
    function = request.applied_to(Function(name=name, invoker=UPLOAD_INVOKER))
    function = msgspec.structs.replace(
        function,
        tags=checked_tags(request.tags),
        architectures=_architectures(request.architectures) or ("x86_64",),
    )
    archive = _archive(request.code)
    made = await call.broker.function_definitions.create(namespace, function, archive)
    if request.publish:
        version = await call.broker.function_versions.publish(namespace, name)
        return answer(call, version_configuration(namespace, version), 201)
    return answer(call, configuration(namespace, made), 201)


@lambda_.route("GET", FUNCTIONS)
async def list_functions(call: Call) -> Response:
    """Functions by name, fifty a page; with `FunctionVersion=ALL` each with its versions."""
    query = call.request.query
    if "MasterRegion" in query:
        raise NotSupported("MasterRegion is not supported by this broker.")
    which = query.get("FunctionVersion")
    v = Violations()
    v.choice("functionVersion", which, ["ALL"])
    v.check()
    limit = limit_of(call)
    name, _, number = query.get("Marker", "").partition(":")
    after = name, int(number) if number.isdigit() else 0
    documents: list[tuple[tuple[str, int], dict[str, Any]]] = []
    for function in call.broker.functions.all(call.namespace):
        versions = []
        if which == "ALL":
            versions = call.broker.function_versions.all(call.namespace, function.name)
        qualifier = LATEST if which == "ALL" else None
        shown = configuration(call.namespace, function, qualifier)
        documents.append(((function.name, 0), shown))
        for version in versions:
            shown = version_configuration(call.namespace, version)
            documents.append(((function.name, int(shown["Version"])), shown))
    left = [each for each in documents if not query.get("Marker") or each[0] > after]
    body: dict[str, Any] = {"Functions": [shown for _, shown in left[:limit]]}
    if len(left) > limit:
        body["NextMarker"] = "{}:{}".format(*left[limit - 1][0])
    return answer(call, body)


@lambda_.route("GET", FUNCTIONS + "/{}")
async def get_function(call: Call, label: str) -> Response:
    """One function, a version or what an alias points to, with its configuration and code."""
    namespace, name, qualifier = locate(call, label)
    function = call.broker.functions.get(namespace, name)
    shown, found = _configuration(call, namespace, name, qualifier)
    location = f"{found.invoker}:{found.handler}"
    if found.code_sha256:
        path = f"{call.origin}/v1/functions/{quote(name)}/code"
        location = f"{path}?version={quote(shown['Version'])}"
    body: dict[str, Any] = {
        "Configuration": shown,
        "Code": {"RepositoryType": "local", "Location": location},
        "Tags": function.tags,
    }
    if function.reserved_concurrency is not None:
        body["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
    return answer(call, body)


@lambda_.route("GET", FUNCTIONS + "/{}/configuration")
async def get_function_configuration(call: Call, label: str) -> Response:
    """One function's configuration, a version's, or that of what an alias points to."""
    return answer(call, _configuration(call, *locate(call, label))[0])


class UpdateFunctionCodeRequest(Code, kw_only=True):
    publish: bool = False
    dry_run: bool = False
    revision_id: str | None = None
    architectures: list[str] | None = None
    publish_to: Refused = None


@lambda_.route("PUT", FUNCTIONS + "/{}/code")
async def update_function_code(call: Call, label: str) -> Response:
    """Give a function other code."""
    request = decode(call, UpdateFunctionCodeRequest)
    namespace, name = locate_function(call, label)
    definitions = call.broker.function_definitions
    archive = _archive(request)
    if request.dry_run:
        shown = await definitions.check_code(namespace, name, archive, request.revision_id)
        return answer(call, configuration(namespace, shown))
    made = await definitions.update_code(
        namespace, name, archive, request.revision_id, _architectures(request.architectures)
    )
    if request.publish:
        version = await call.broker.function_versions.publish(namespace, name)
        return answer(call, version_configuration(namespace, version))
    return answer(call, configuration(namespace, made))


class UpdateFunctionConfigurationRequest(Settings, kw_only=True):
    revision_id: str | None = None


@lambda_.route("PUT", FUNCTIONS + "/{}/configuration")
async def update_function_configuration(call: Call, label: str) -> Response:
    """Give a function other settings; what isn't given stays."""
    request = decode(call, UpdateFunctionConfigurationRequest)
    namespace, name = locate_function(call, label)
    function = request.applied_to(call.broker.functions.get(namespace, name))
    made = await call.broker.function_definitions.configure(
        namespace, function, request.revision_id
    )
    return answer(call, configuration(namespace, made))


@lambda_.route("DELETE", FUNCTIONS + "/{}")
async def delete_function(call: Call, label: str) -> Response:
    """Delete a function with all that belongs to it, or one version."""
    namespace, name, qualifier = locate(call, label)
    if qualifier is None:
        await call.broker.function_definitions.delete(namespace, name)
    else:
        await call.broker.function_versions.delete(namespace, name, qualifier)
    return answer(call, None, 204)


def version_configuration(namespace: Namespace, version: FunctionVersion) -> dict[str, Any]:
    """A version as its own document."""
    number = version.name.rpartition(":")[2]
    return configuration(
        namespace, version.function, number, version=number, description=version.description
    )


def _configuration(
    call: Call, namespace: Namespace, name: str, qualifier: str | None
) -> tuple[dict[str, Any], Function]:
    """What stands behind a qualifier; of an alias, the version that it mainly points to."""
    resources = call.broker.registry.resources(namespace)
    label = label_of(name, qualifier)
    alias = resources.aliases.get(label)
    number = alias.version if alias is not None else qualifier
    if number in (None, LATEST):
        function = call.broker.functions.get(namespace, name)
        return configuration(namespace, function, qualifier), function
    version = resources.function_versions.get(f"{name}:{number}")
    if version is None:
        call.broker.functions.get(namespace, name)
        arn = namespace.arn("lambda", f"function:{label}")
        raise FunctionDoesNotExist(f"Function not found: {arn}")
    shown = configuration(
        namespace,
        version.function,
        qualifier,
        version=str(number),
        description=version.description,
    )
    return shown, version.function


def _archive(code: Code) -> bytes:
    if code.zip_file is None:
        raise InvalidParameter("Please provide a source for function code.")
    try:
        return base64.b64decode(code.zip_file, validate=True)
    except binascii.Error:
        raise InvalidParameter("ZipFile is not base64.") from None


def _architectures(given: list[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    v = Violations()
    for each in given:
        v.choice("architectures", each, ["x86_64", "arm64"])
    v.check()
    if len(given) != 1:
        raise InvalidParameter("Architectures must name one.")
    return tuple(given)
