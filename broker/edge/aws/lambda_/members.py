"""a function's configuration as Lambda's API has it: what is taken, and what is shown"""

from typing import Any

import msgspec

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.limits import (
    ENVIRONMENT_BYTES_MAX,
    FUNCTION_TIMEOUT_S_MAX,
    MEMORY_MB_MAX,
    MEMORY_MB_MIN,
)
from broker.core.message import iso_time
from broker.core.names import LATEST, Namespace
from broker.core.resources import Function
from broker.edge.aws.service import Members, Refused
from broker.edge.aws.validation import Violations

__all__ = ["Settings", "configuration"]

EPHEMERAL_MB = (512, 10_240)
HANDLER_CHARS_MAX, DESCRIPTION_CHARS_MAX = 128, 256


class Environment(Members, kw_only=True):
    variables: dict[str, str] | None = None


class DeadLetterConfig(Members, kw_only=True):
    target_arn: str | None = None


class EphemeralStorage(Members, kw_only=True):
    size: int


class TracingConfig(Members, kw_only=True):
    mode: str | None = None


class SnapStart(Members, kw_only=True):
    apply_on: str | None = None


class LoggingConfig(Members, kw_only=True):
    log_format: str | None = None
    application_log_level: Refused = None
    system_log_level: Refused = None
    log_group: Refused = None


class VpcConfig(Members, kw_only=True):
    subnet_ids: list[str] | None = None
    security_group_ids: list[str] | None = None
    ipv6_allowed_for_dual_stack: bool | None = None


class Settings(Members, kw_only=True):
    """What CreateFunction and UpdateFunctionConfiguration both take."""

    role: str | None = None
    runtime: str | None = None
    handler: str | None = None
    description: str | None = None
    timeout: int | None = None
    memory_size: int | None = None
    environment: Environment | None = None
    dead_letter_config: DeadLetterConfig | None = None
    ephemeral_storage: EphemeralStorage | None = None
    tracing_config: TracingConfig | None = None
    snap_start: SnapStart | None = None
    logging_config: LoggingConfig | None = None
    vpc_config: VpcConfig | None = None
    kms_key_arn: str | None = msgspec.field(default=None, name="KMSKeyArn")
    layers: list[str] | None = None
    image_config: Refused = None
    file_system_configs: list[Any] | None = None
    durable_config: Refused = None
    capacity_provider_config: Refused = None
    runtime_config: Refused = None
    accelerator_config: Refused = None

    def applied_to(self, function: Function) -> Function:
        """The function with what is given. Raises: InvalidParameter, NotSupported."""
        self._check()
        given: dict[str, Any] = {}
        for name, value in (
            ("role", self.role),
            ("handler", self.handler),
            ("description", self.description),
            ("timeout_s", self.timeout),
            ("memory_mb", self.memory_size),
        ):
            if value is not None:
                given[name] = value
        if self.runtime is not None:
            given["settings"] = {**function.settings, "runtime": self.runtime}
        if self.environment is not None:
            given["environment"] = self.environment.variables or {}
        if self.dead_letter_config is not None:
            given["dead_letter_target_arn"] = self.dead_letter_config.target_arn or None
        if self.ephemeral_storage is not None:
            given["ephemeral_storage_mb"] = self.ephemeral_storage.size
        return msgspec.structs.replace(function, **given)

    def _check(self) -> None:
        v = Violations()
        v.range("timeout", self.timeout, 1, FUNCTION_TIMEOUT_S_MAX)
        v.range("memorySize", self.memory_size, MEMORY_MB_MIN, MEMORY_MB_MAX)
        v.length("handler", self.handler, 0, HANDLER_CHARS_MAX)
        v.pattern("handler", self.handler, r"[^\s]+")
        v.length("description", self.description, 0, DESCRIPTION_CHARS_MAX)
        v.pattern(
            "role", self.role, r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
        )
        if self.ephemeral_storage is not None:
            v.range("ephemeralStorage.size", self.ephemeral_storage.size, *EPHEMERAL_MB)
        v.check()
        if self.environment is not None:
            _check_environment(self.environment.variables or {})
        self._check_supported()

    def _check_supported(self) -> None:
        """What can only be left as it is. Raises: NotSupported."""
        refused = {
            "Layers": bool(self.layers),
            "FileSystemConfigs": bool(self.file_system_configs),
            "KMSKeyArn": bool(self.kms_key_arn),
            "VpcConfig": self.vpc_config is not None
            and bool(self.vpc_config.subnet_ids or self.vpc_config.security_group_ids),
            "TracingConfig.Mode Active": self.tracing_config is not None
            and self.tracing_config.mode == "Active",
            "SnapStart": self.snap_start is not None
            and self.snap_start.apply_on not in (None, "None"),
            "LoggingConfig.LogFormat JSON": self.logging_config is not None
            and self.logging_config.log_format == "JSON",
        }
        for member, given in refused.items():
            if given:
                raise NotSupported(f"{member} is not supported by this broker.")


def _check_environment(variables: dict[str, str]) -> None:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > ENVIRONMENT_BYTES_MAX:
        raise InvalidParameter(
            "Lambda was unable to configure your environment variables because the environment "
            f"variables you have provided exceeded the {ENVIRONMENT_BYTES_MAX // 1024}KB limit."
        )
    reserved = sorted(name for name in variables if name in _RESERVED)
    if reserved:
        raise InvalidParameter(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )


_RESERVED = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
}


def configuration(
    namespace: Namespace,
    function: Function,
    qualifier: str | None = None,
    *,
    version: str = LATEST,
    description: str | None = None,
) -> dict[str, Any]:
    """The document that Lambda describes a function by; its ARN has the qualifier, if any."""
    modified = iso_time(function.modified_at_ms).replace("Z", "+0000")
    label = f"{function.name}:{qualifier}" if qualifier else function.name
    document: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": namespace.arn("lambda", f"function:{label}"),
        "Runtime": function.settings.get("runtime", "provided"),
        "Role": function.role,
        "Handler": function.handler,
        "CodeSize": function.code_size,
        "CodeSha256": function.code_sha256,
        "Description": function.description if description is None else description,
        "Timeout": max(1, round(function.timeout_s)),
        "MemorySize": function.memory_mb,
        "EphemeralStorage": {"Size": function.ephemeral_storage_mb},
        "LastModified": modified,
        "Version": version,
        "RevisionId": function.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": function.architectures,
        "TracingConfig": {"Mode": "PassThrough"},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.name}"},
    }
    if function.environment:
        document["Environment"] = {"Variables": function.environment}
    if function.dead_letter_target_arn:
        document["DeadLetterConfig"] = {"TargetArn": function.dead_letter_target_arn}
    return document
