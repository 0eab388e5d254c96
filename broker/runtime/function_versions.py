"""versions of functions, and aliases for them, as the edge uses them"""

from collections.abc import Callable

import msgspec

from broker.core.errors import (
    AliasDoesNotExist,
    AliasExists,
    FunctionDoesNotExist,
    InvalidParameter,
    PreconditionFailed,
    ResourceInUse,
)
from broker.core.names import ALIAS_NAME, LATEST, Namespace, label_of, labelled, uuid_text
from broker.core.registry import Resources
from broker.core.resources import Alias, Function, FunctionVersion
from broker.runtime.code_store import CodeStore
from broker.runtime.functions import Functions, queue_change
from broker.runtime.ids import Ids
from broker.runtime.registrar import Change, Registrar

__all__ = ["FunctionVersions"]


class FunctionVersions:
    """What programs do with versions and aliases. Raises FunctionDoesNotExist throughout."""

    def __init__(
        self,
        registrar: Registrar,
        functions: Functions,
        code: CodeStore,
        ids: Ids,
        now_ms: Callable[[], int],
    ) -> None:
        self._registrar = registrar
        self._functions = functions
        self._code = code
        self._ids = ids
        self._now_ms = now_ms

    # Versions

    def all(self, namespace: Namespace, name: str) -> list[FunctionVersion]:
        """A function's versions, by number."""
        self._functions.get(namespace, name)
        versions = self._resources(namespace).function_versions.values()
        found = [version for version in versions if version.function.name == name]
        return sorted(found, key=lambda version: int(labelled(version.name)[1]))

    async def publish(
        self,
        namespace: Namespace,
        name: str,
        description: str | None = None,
        code_sha256: str | None = None,
        revision_id: str | None = None,
    ) -> FunctionVersion:
        """The function as it is now, under a number that stays.

        One that hasn't changed since its last version is that version still.
        Raises: PreconditionFailed, InvalidParameter, StoreFull.
        """
        function = self._functions.get(namespace, name)
        if revision_id is not None and revision_id != function.revision_id:
            raise PreconditionFailed
        if code_sha256 is not None and code_sha256 != function.code_sha256:
            raise InvalidParameter(
                f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST "
                f"({function.code_sha256}). Please try again with the CodeSHA256 in $LATEST."
            )
        earlier = self.all(namespace, name)
        if earlier and _same(earlier[-1].function, function):
            return earlier[-1]
        number = function.next_version
        now_ms = self._now_ms()
        version = FunctionVersion(
            name=f"{name}:{number}",
            function=msgspec.structs.replace(function, reserved_concurrency=None, tags={}),
            description=function.description if description is None else description,
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
        )
        counted = msgspec.structs.replace(function, next_version=number + 1)
        changes: list[Change] = [
            queue_change(function, str(number)),
            ("function_version", version.name, version, 0),
            ("function", name, counted, self._registrar.version(namespace, "function", name)),
        ]
        await self._registrar.change(namespace, changes)
        return version

    async def delete(self, namespace: Namespace, name: str, number: str) -> None:
        """Delete a version. Raises: ResourceInUse, if an alias points to it; InvalidParameter."""
        if number == LATEST:
            raise InvalidParameter(
                "$LATEST version cannot be deleted without deleting the function."
            )
        label = f"{name}:{number}"
        resources = self._resources(namespace)
        if label in resources.aliases:
            raise InvalidParameter(f"{number} is an alias: DeleteAlias deletes it.")
        if label not in resources.function_versions:
            arn = namespace.arn("lambda", f"function:{label}")
            raise FunctionDoesNotExist(f"Function not found: {arn}")
        pointing = [
            labelled(alias.name)[1]
            for alias in resources.aliases.values()
            if labelled(alias.name)[0] == name and number in (alias.version, alias.other_version)
        ]
        if pointing:
            raise ResourceInUse(
                f"Version {number} cannot be deleted: aliases point to it: {', '.join(pointing)}"
            )
        await self._registrar.change(namespace, self._removal("function_version", namespace, label))
        await self._code.forget(namespace, name, self._resources(namespace))

    # Aliases

    def aliases(self, namespace: Namespace, name: str, version: str | None = None) -> list[Alias]:
        """A function's aliases by name; of one version, if that is asked for."""
        self._functions.get(namespace, name)
        aliases = self._resources(namespace).aliases
        return [
            aliases[label]
            for label in sorted(aliases)
            if labelled(label)[0] == name
            and version in (None, aliases[label].version, aliases[label].other_version)
        ]

    def alias(self, namespace: Namespace, name: str, alias: str) -> Alias:
        """One alias. Raises: AliasDoesNotExist."""
        self._functions.get(namespace, name)
        found = self._resources(namespace).aliases.get(f"{name}:{alias}")
        if found is None:
            arn = namespace.arn("lambda", f"function:{name}:{alias}")
            raise AliasDoesNotExist(f"Cannot find alias arn: {arn}")
        return found

    async def create_alias(self, namespace: Namespace, alias: Alias) -> Alias:
        """Make an alias. Raises: AliasExists, InvalidParameter, StoreFull."""
        name, own = labelled(alias.name)
        function = self._functions.get(namespace, name)
        if not ALIAS_NAME.fullmatch(own):
            raise InvalidParameter(
                f"1 validation error detected: Value '{own}' at 'name' failed to satisfy "
                f"constraint: Member must satisfy regular expression pattern: {ALIAS_NAME.pattern}"
            )
        if alias.name in self._resources(namespace).aliases:
            arn = namespace.arn("lambda", f"function:{alias.name}")
            raise AliasExists(f"Alias already exists: {arn}")
        self._check(namespace, name, alias)
        made = self._revised(alias)
        changes: list[Change] = [queue_change(function, own), ("alias", alias.name, made, 0)]
        await self._registrar.change(namespace, changes)
        return made

    async def update_alias(
        self, namespace: Namespace, alias: Alias, revision_id: str | None = None
    ) -> Alias:
        """Replace an alias. Raises: AliasDoesNotExist, PreconditionFailed, InvalidParameter."""
        name, own = labelled(alias.name)
        before = self.alias(namespace, name, own)
        if revision_id is not None and revision_id != before.revision_id:
            raise PreconditionFailed
        self._check(namespace, name, alias)
        made = self._revised(alias)
        version = self._registrar.version(namespace, "alias", alias.name)
        await self._registrar.put(namespace, made, version)
        return made

    async def delete_alias(self, namespace: Namespace, name: str, alias: str) -> None:
        """Delete an alias, if it is there."""
        self._functions.get(namespace, name)
        label = f"{name}:{alias}"
        if label in self._resources(namespace).aliases:
            await self._registrar.change(namespace, self._removal("alias", namespace, label))

    def _check(self, namespace: Namespace, name: str, alias: Alias) -> None:
        for number in (alias.version, alias.other_version):
            if number and number != LATEST:
                label = label_of(name, number)
                if label not in self._resources(namespace).function_versions:
                    arn = namespace.arn("lambda", f"function:{label}")
                    raise FunctionDoesNotExist(f"Function not found: {arn}")
        if not alias.other_version:
            return
        if LATEST in (alias.version, alias.other_version):
            raise InvalidParameter(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        if alias.version == alias.other_version:
            raise InvalidParameter(
                f"Invalid function version {alias.version}. Function version {alias.version} is "
                "already included in routing configuration."
            )

    def _removal(self, kind: str, namespace: Namespace, label: str) -> list[Change]:
        """A version or an alias, with all that belongs to it; what waits for it goes, too."""
        name, qualifier = labelled(label)
        resources = self._resources(namespace)
        queue = queue_change(self._functions.get(namespace, name), qualifier)[1]
        changes: list[Change] = [(kind, label, None, None), ("queue", queue, None, None)]
        for part in ("event_invoke_config", "function_policy", "function_url"):
            if label in resources.of_kind(part):
                changes.append((part, label, None, None))
        return changes

    def _revised(self, alias: Alias) -> Alias:
        return msgspec.structs.replace(
            alias, modified_at_ms=self._now_ms(), revision_id=uuid_text(self._ids.new())
        )

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)


def _same(published: Function, latest: Function) -> bool:
    """Whether nothing that counts has changed."""
    return published.revision_id == latest.revision_id
