"""functions as the edge makes, changes and deletes them"""

from collections.abc import Callable, Mapping

import msgspec

from broker.core.errors import (
    FunctionExists,
    FunctionPolicyDoesNotExist,
    InvalidParameter,
    PreconditionFailed,
    UploadForbidden,
)
from broker.core.invocation_record import is_destination
from broker.core.limits import EVENT_AGE_S_MAX, EVENT_AGE_S_MIN, RETRY_ATTEMPTS_MAX
from broker.core.names import Arn, Namespace, label_of, labelled, uuid_text
from broker.core.registry import Resources
from broker.core.resources import EventInvokeConfig, Function, FunctionPolicy
from broker.runtime.code_store import Code, CodeStore
from broker.runtime.function_logs import FunctionLogs
from broker.runtime.functions import Functions, changes_for, queue_change
from broker.runtime.ids import Ids
from broker.runtime.registrar import Change, Registrar

__all__ = ["FunctionDefinitions"]

PARTS = ("function_version", "alias", "event_invoke_config", "function_policy", "function_url")


class FunctionDefinitions:
    """What programs change of functions. Raises FunctionDoesNotExist throughout."""

    def __init__(
        self,
        registrar: Registrar,
        functions: Functions,
        code: CodeStore,
        logs: FunctionLogs,
        ids: Ids,
        now_ms: Callable[[], int],
        *,
        allow_upload: bool = False,
    ) -> None:
        self._allow_upload = allow_upload
        self._registrar = registrar
        self._functions = functions
        self._code = code
        self._logs = logs
        self._ids = ids
        self._now_ms = now_ms

    async def create(self, namespace: Namespace, function: Function, archive: bytes) -> Function:
        """Make a function of uploaded code.

        Raises: UploadForbidden, FunctionExists, InvalidParameter, CodeTooLarge, StoreFull.
        """
        self._check_upload()
        if function.name in self._resources(namespace).functions:
            raise FunctionExists(f"Function already exist: {function.name}")
        self._check(namespace, function)
        self._functions.host.check_code(function)
        code = await self._code.put(namespace, function.name, archive)
        now_ms = self._now_ms()
        made = msgspec.structs.replace(
            _with_code(function, code),
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
            revision_id=self._new_revision(),
        )
        changes = changes_for(made)
        kind, name, record, _ = changes[-1]
        changes[-1] = (kind, name, record, 0)

        def check() -> None:
            if made.name in self._resources(namespace).functions:
                raise FunctionExists(f"Function already exist: {made.name}")

        await self._registrar.change(namespace, changes, check)
        return made

    async def update_code(
        self,
        namespace: Namespace,
        name: str,
        archive: bytes,
        revision_id: str | None = None,
        architectures: tuple[str, ...] | None = None,
    ) -> Function:
        """Give a function other code.

        Raises: UploadForbidden, PreconditionFailed, InvalidParameter, CodeTooLarge.
        """
        self._check_upload()
        function = self._at_revision(namespace, name, revision_id)
        self._functions.host.check_code(function)
        code = await self._code.put(namespace, name, archive)
        changed = _with_code(function, code)
        if architectures is not None:
            changed = msgspec.structs.replace(changed, architectures=architectures)
        made = await self._replace(namespace, function, changed)
        resources = self._resources(namespace)
        await self._code.forget(namespace, name, resources, but=function.code_sha256)
        return made

    async def check_code(
        self, namespace: Namespace, name: str, archive: bytes, revision_id: str | None = None
    ) -> Function:
        """What `update_code` would come to, without doing it."""
        function = self._at_revision(namespace, name, revision_id)
        self._functions.host.check_code(function)
        return _with_code(function, await self._code.check(archive))

    async def configure(
        self, namespace: Namespace, changed: Function, revision_id: str | None = None
    ) -> Function:
        """Give a function other settings. Raises: PreconditionFailed, InvalidParameter."""
        function = self._at_revision(namespace, changed.name, revision_id)
        self._check(namespace, changed)
        return await self._replace(namespace, function, changed)

    async def reserve(self, namespace: Namespace, name: str, executions: int | None) -> None:
        """Set a function's reserved concurrency, None for none. Raises: ReservationTooLarge."""
        function = self._functions.get(namespace, name)
        if executions is not None:
            self._functions.ledger(namespace).check_reservation(name, executions)
        changed = msgspec.structs.replace(function, reserved_concurrency=executions)
        await self._registrar.put(namespace, changed, self._version(namespace, name))

    async def tag(self, namespace: Namespace, name: str, tags: Mapping[str, str]) -> None:
        """Replace a function's tags."""
        function = self._functions.get(namespace, name)
        changed = msgspec.structs.replace(function, tags=dict(tags))
        await self._registrar.put(namespace, changed, self._version(namespace, name))

    async def allow_loops(self, namespace: Namespace, name: str, choice: str) -> None:
        """Say whether a function may lead to itself: Allow or Terminate."""
        function = self._functions.get(namespace, name)
        changed = msgspec.structs.replace(function, recursive_loop=choice)
        await self._registrar.put(namespace, changed, self._version(namespace, name))

    async def delete(self, namespace: Namespace, name: str) -> None:
        """Delete a function with all that belongs to it; what waits for it goes, too.

        Event source mappings stay, and wait for a function of the name.
        """
        self._functions.get(namespace, name)
        resources = self._resources(namespace)
        changes: list[Change] = [("function", name, None, None)]
        labels = [name]
        for kind in PARTS:
            for label in resources.of_kind(kind):
                if labelled(label)[0] == name:
                    changes.append((kind, label, None, None))
                    labels.append(label)
        for label in dict.fromkeys(labels):
            queue = queue_change(Function(name=name, invoker=""), labelled(label)[1] or None)[1]
            if queue in resources.queues:
                changes.append(("queue", queue, None, None))
        await self._registrar.change(namespace, changes)
        await self._code.forget(namespace, name, self._resources(namespace))
        await self._logs.forget(namespace, name)

    # Of functions, versions and aliases alike

    async def put_event_invoke_config(
        self, namespace: Namespace, config: EventInvokeConfig
    ) -> EventInvokeConfig:
        """Set what becomes of a label's asynchronous invocations. Raises: InvalidParameter."""
        self._functions.find(namespace, config.name)
        attempts, age_s = config.retry_attempts, config.maximum_event_age_s
        if attempts is not None and not 0 <= attempts <= RETRY_ATTEMPTS_MAX:
            raise InvalidParameter(f"MaximumRetryAttempts must be 0 to {RETRY_ATTEMPTS_MAX}.")
        if age_s is not None and not EVENT_AGE_S_MIN <= age_s <= EVENT_AGE_S_MAX:
            raise InvalidParameter(
                f"MaximumEventAgeInSeconds must be {EVENT_AGE_S_MIN} to {EVENT_AGE_S_MAX}."
            )
        for text in (config.on_success, config.on_failure):
            if text is not None:
                self._check_destination(namespace, config.name, text)
        made = msgspec.structs.replace(config, modified_at_ms=self._now_ms())
        await self._registrar.put(namespace, made)
        return made

    async def delete_event_invoke_config(self, namespace: Namespace, label: str) -> None:
        """Set it back to the function's own."""
        await self._registrar.delete(namespace, "event_invoke_config", label)

    def policy(self, namespace: Namespace, label: str) -> FunctionPolicy:
        """Who may invoke it. Raises: FunctionPolicyDoesNotExist, if nobody was said to."""
        self._functions.find(namespace, label)
        policy = self._resources(namespace).function_policies.get(label)
        if policy is None:
            raise FunctionPolicyDoesNotExist
        return policy

    async def put_policy(
        self, namespace: Namespace, label: str, statements: tuple[str, ...]
    ) -> FunctionPolicy:
        """Replace a policy's statements; none at all remove it."""
        self._functions.find(namespace, label)
        policy = FunctionPolicy(name=label, statements=statements, revision_id=self._new_revision())
        if statements:
            await self._registrar.put(namespace, policy)
        else:
            await self._registrar.delete(namespace, "function_policy", label)
        return policy

    def _check_destination(self, namespace: Namespace, label: str, text: str) -> None:
        arn = Arn.parse(text)
        if arn is None or not is_destination(arn):
            raise InvalidParameter(
                f"The provided destination config DestinationConfig is invalid: {text} is no "
                "standard queue or topic, function or event bus."
            )
        if arn.namespace != namespace:
            raise InvalidParameter(
                "A destination in another account or region is not supported by this broker."
            )
        function = self._functions.find(namespace, label).function
        own = label_of(function.name, None)
        if arn.service == "lambda" and arn.resource.split(":")[1] == own:
            raise InvalidParameter("A function can't be a destination of its own.")

    def _check_upload(self) -> None:
        if not self._allow_upload:
            raise UploadForbidden

    def _check(self, namespace: Namespace, function: Function) -> None:
        self._functions.host.check(function)
        text = function.dead_letter_target_arn
        if text is None:
            return
        arn = Arn.parse(text)
        standard = arn is not None and arn.service in ("sqs", "sns") and is_destination(arn)
        if arn is None or not standard or arn.namespace != namespace:
            raise InvalidParameter(
                "The provided dead letter target is no standard queue or topic of this account "
                f"and region: {text}"
            )

    def _at_revision(self, namespace: Namespace, name: str, revision_id: str | None) -> Function:
        function = self._functions.get(namespace, name)
        if revision_id is not None and revision_id != function.revision_id:
            raise PreconditionFailed
        return function

    async def _replace(self, namespace: Namespace, before: Function, changed: Function) -> Function:
        version = self._version(namespace, before.name)
        made = msgspec.structs.replace(
            changed, modified_at_ms=self._now_ms(), revision_id=self._new_revision()
        )
        changes = changes_for(made)
        kind, name, record, _ = changes[-1]
        changes[-1] = (kind, name, record, version)
        await self._registrar.change(namespace, changes)
        return made

    def _version(self, namespace: Namespace, name: str) -> int:
        return self._registrar.version(namespace, "function", name)

    def _new_revision(self) -> str:
        return uuid_text(self._ids.new())

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)


def _with_code(function: Function, code: Code) -> Function:
    return msgspec.structs.replace(function, code_sha256=code.sha256, code_size=code.size)
