"""connections and API destinations as the edge uses them"""

from collections.abc import Callable

import msgspec

from broker.core.authorization import Authorization, pack, unpack
from broker.core.errors import (
    ApiDestinationDoesNotExist,
    ApiDestinationExists,
    ConnectionDoesNotExist,
    ConnectionExists,
    InvalidParameter,
    RecordChanged,
    ResourceInUse,
)
from broker.core.names import Namespace
from broker.core.registry import Resources
from broker.core.resources import ApiDestination, Connection
from broker.runtime.registrar import Registrar
from broker.runtime.secret_box import SecretBox, Unreadable

__all__ = ["Connections"]


class Connections:
    """What programs do with connections, and with the destinations that use them."""

    def __init__(
        self,
        registrar: Registrar,
        box: Callable[[], SecretBox],
        now_ms: Callable[[], int],
    ) -> None:
        self._registrar = registrar
        self._box = box
        self._now_ms = now_ms

    # Connections

    def get(self, namespace: Namespace, name: str) -> Connection:
        """One connection. Raises: ConnectionDoesNotExist."""
        found = self._resources(namespace).connections.get(name)
        if found is None:
            raise ConnectionDoesNotExist(
                f"Failed to describe the connection(s). Connection '{name}' does not exist."
            )
        return found

    def all(self, namespace: Namespace, prefix: str = "") -> list[Connection]:
        """Every connection, by name."""
        found = self._resources(namespace).connections
        return [found[name] for name in sorted(found) if name.startswith(prefix)]

    def authorization(self, connection: Connection) -> Authorization:
        """What the connection adds to requests. Raises: Unreadable."""
        if not connection.sealed:
            raise Unreadable("the connection was deauthorized")
        return unpack(self._box().unseal(connection.sealed))

    async def create(
        self, namespace: Namespace, connection: Connection, authorization: Authorization
    ) -> Connection:
        """Raises: ConnectionExists."""
        exists = ConnectionExists(f"Connection {connection.name} already exists.")
        if connection.name in self._resources(namespace).connections:
            raise exists
        made = self._sealed(connection, authorization)
        try:
            await self._registrar.put(namespace, made, expected_version=0)
        except RecordChanged:
            raise exists from None
        return made

    async def configure(
        self, namespace: Namespace, connection: Connection, authorization: Authorization | None
    ) -> Connection:
        """Replace its settings; without an authorization it is let in nowhere any more.

        Raises: RecordChanged.
        """
        changed = msgspec.structs.replace(
            connection, sealed=b"", modified_at_ms=self._now_ms(), authorization_type=""
        )
        if authorization is not None:
            changed = self._sealed(changed, authorization)
        else:
            changed = msgspec.structs.replace(
                changed, authorization_type=connection.authorization_type
            )
        version = self._registrar.version(namespace, "connection", connection.name)
        await self._registrar.put(namespace, changed, expected_version=version)
        return changed

    async def delete(self, namespace: Namespace, name: str) -> Connection:
        """Raises: ConnectionDoesNotExist, ResourceInUse."""
        connection = self.get(namespace, name)

        def check() -> None:
            destinations = self._resources(namespace).api_destinations.values()
            if any(each.connection == name for each in destinations):
                raise ResourceInUse(
                    f"Connection {name} can't be deleted since API destinations use it."
                )

        await self._registrar.change(namespace, [("connection", name, None, None)], check)
        return connection

    def _sealed(self, connection: Connection, authorization: Authorization) -> Connection:
        return msgspec.structs.replace(
            connection,
            authorization_type=authorization.kind,
            sealed=self._box().seal(pack(authorization)),
        )

    # API destinations

    def destination(self, namespace: Namespace, name: str) -> ApiDestination:
        """One destination. Raises: ApiDestinationDoesNotExist."""
        found = self._resources(namespace).api_destinations.get(name)
        if found is None:
            raise ApiDestinationDoesNotExist(
                f"Failed to describe the api-destination(s). An api-destination '{name}' does not "
                "exist."
            )
        return found

    def destinations(self, namespace: Namespace, prefix: str = "") -> list[ApiDestination]:
        """Every destination, by name."""
        found = self._resources(namespace).api_destinations
        return [found[name] for name in sorted(found) if name.startswith(prefix)]

    async def create_destination(self, namespace: Namespace, destination: ApiDestination) -> None:
        """Raises: ApiDestinationExists, InvalidParameter."""
        exists = ApiDestinationExists(f"An api-destination '{destination.name}' already exists.")
        if destination.name in self._resources(namespace).api_destinations:
            raise exists
        try:
            await self._put_destination(namespace, destination, 0)
        except RecordChanged:
            raise exists from None

    async def configure_destination(
        self, namespace: Namespace, destination: ApiDestination
    ) -> None:
        """Replace its settings. Raises: InvalidParameter, RecordChanged."""
        changed = msgspec.structs.replace(destination, modified_at_ms=self._now_ms())
        version = self._registrar.version(namespace, "api_destination", destination.name)
        await self._put_destination(namespace, changed, version)

    async def delete_destination(self, namespace: Namespace, name: str) -> None:
        """Raises: ApiDestinationDoesNotExist."""
        self.destination(namespace, name)
        await self._registrar.delete(namespace, "api_destination", name)

    async def _put_destination(
        self, namespace: Namespace, destination: ApiDestination, version: int
    ) -> None:
        def check() -> None:
            if destination.connection not in self._resources(namespace).connections:
                raise InvalidParameter(f"Connection '{destination.connection}' does not exist.")

        change = ("api_destination", destination.name, destination, version)
        await self._registrar.change(namespace, [change], check)

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)
