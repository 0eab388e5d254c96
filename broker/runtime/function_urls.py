"""URLs of functions as the edge uses them"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from broker.core.errors import FunctionUrlDoesNotExist, FunctionUrlExists, InvalidParameter
from broker.core.names import Namespace, labelled
from broker.core.registry import Registry, Resources
from broker.core.resources import FunctionUrl
from broker.runtime.functions import Functions
from broker.runtime.registrar import Registrar

__all__ = ["FunctionUrls"]

ID_CHARS = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 32


class FunctionUrls:
    """What programs do with URLs. Raises FunctionDoesNotExist, FunctionUrlDoesNotExist."""

    def __init__(
        self, registrar: Registrar, functions: Functions, now_ms: Callable[[], int]
    ) -> None:
        self._registrar = registrar
        self._functions = functions
        self._now_ms = now_ms

    def get(self, namespace: Namespace, label: str) -> FunctionUrl:
        """The URL of a function or an alias."""
        self._functions.find(namespace, label)
        url = self._resources(namespace).function_urls.get(label)
        if url is None:
            raise FunctionUrlDoesNotExist
        return url

    def all(self, namespace: Namespace, function: str) -> list[FunctionUrl]:
        """Those of a function and its aliases, by label."""
        self._functions.get(namespace, function)
        urls = self._resources(namespace).function_urls
        return [urls[label] for label in sorted(urls) if labelled(label)[0] == function]

    def find(self, url_id: str) -> tuple[Namespace, FunctionUrl] | None:
        """Which URL has the id, in whichever namespace."""
        registry: Registry = self._registrar.registry
        for text, resources in registry.namespaces.items():
            label = resources.url_labels.get(url_id)
            if label is not None:
                return Namespace.parse(text), resources.function_urls[label]
        return None

    async def create(
        self,
        namespace: Namespace,
        label: str,
        auth_type: str,
        cors: Mapping[str, Any] | None = None,
        invoke_mode: str | None = None,
    ) -> FunctionUrl:
        """Give a function or an alias a URL. Raises: FunctionUrlExists, InvalidParameter."""
        self._functions.find(namespace, label)
        if labelled(label)[1].isdigit():
            raise InvalidParameter("A version can't have a URL: an alias that points to it can.")
        if label in self._resources(namespace).function_urls:
            arn = namespace.arn("lambda", f"function:{label}")
            raise FunctionUrlExists(
                f"Failed to create function url config for [functionArn = {arn}]. Error message:  "
                "FunctionUrlConfig exists for this Lambda function"
            )
        now_ms = self._now_ms()
        url = FunctionUrl(
            name=label,
            id="".join(secrets.choice(ID_CHARS) for _ in range(ID_LENGTH)),
            auth_type=auth_type,
            cors=dict(cors) if cors else None,
            invoke_mode=invoke_mode or "BUFFERED",
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
        )
        await self._registrar.put(namespace, url, 0)
        return url

    async def update(
        self,
        namespace: Namespace,
        label: str,
        auth_type: str | None,
        cors: Mapping[str, Any] | None,
        invoke_mode: str | None,
    ) -> FunctionUrl:
        """Change what is given."""
        url = self.get(namespace, label)
        changed = msgspec.structs.replace(
            url,
            auth_type=auth_type or url.auth_type,
            cors=dict(cors) or None if cors is not None else url.cors,
            invoke_mode=invoke_mode or url.invoke_mode,
            modified_at_ms=self._now_ms(),
        )
        version = self._registrar.version(namespace, "function_url", label)
        await self._registrar.put(namespace, changed, version)
        return changed

    async def delete(self, namespace: Namespace, label: str) -> None:
        """Take the URL away."""
        self.get(namespace, label)
        await self._registrar.delete(namespace, "function_url", label)

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)
