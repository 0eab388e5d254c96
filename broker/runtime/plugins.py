"""installed plugins: found by their entry points, loaded each for itself

One that can't be loaded is named and reported, and keeps nobody else from working: what is to be
run by it is told why that can't be.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from broker.plugin import (
    CAPABILITIES,
    Host,
    Invocation,
    InvocationResult,
    Invoker,
    InvokerUnavailable,
    Settings,
    SettingsError,
)

__all__ = ["GROUP", "BrokenInvoker", "Plugin", "capabilities_of", "find_plugins", "load_invokers"]

log = logging.getLogger(__name__)

GROUP = "broker.invokers"


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin, loaded or not."""

    name: str
    value: str  # the entry point: module and class
    package: str  # what was installed, "" if that is not known
    version: str
    invoker: Invoker  # a stand-in, if there is a problem
    problem: str = ""


class BrokenInvoker:
    """Stands in for one that can't be loaded."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def check_settings(self, _: Settings, /) -> None:
        """Raises: SettingsError, always."""
        raise SettingsError(self.problem)

    def running(self, _: Host, /) -> AbstractAsyncContextManager[None]:
        """There is nothing to be run."""
        return _nothing()

    async def invoke(self, _: Invocation, /) -> InvocationResult:
        """Raises: InvokerUnavailable, always."""
        raise InvokerUnavailable(self.problem)


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


def capabilities_of(invoker: Invoker) -> frozenset[str]:
    """What it says that it can do beside the rest: see `broker.plugin.CAPABILITIES`."""
    return frozenset(getattr(invoker, "capabilities", ()))


def find_plugins() -> list[Plugin]:
    """Every installed plugin, by name."""
    found = sorted(entry_points(group=GROUP), key=lambda each: each.name)
    return [_load(each) for each in found]


def load_invokers() -> dict[str, Invoker]:
    """One instance of every installed plugin, by name; what is wrong with any is in the log."""
    plugins = find_plugins()
    for plugin in plugins:
        if plugin.problem:
            log.error("%s", plugin.problem)
    return {plugin.name: plugin.invoker for plugin in plugins}


def _load(entry_point: EntryPoint) -> Plugin:
    package, version = "", ""
    if entry_point.dist is not None:
        package, version = entry_point.dist.name, entry_point.dist.version
    about = f"the invoker {entry_point.name} ({entry_point.value}"
    about += f", of {package} {version})" if package else ")"
    problem = ""
    try:
        invoker = entry_point.load()()
        if not isinstance(invoker, Invoker):
            problem = f"{about} is no invoker: see broker.plugin.Invoker"
        elif unknown := capabilities_of(invoker) - CAPABILITIES.keys():
            problem = f"{about} has capabilities that nobody knows: {', '.join(sorted(unknown))}"
    except Exception as error:
        problem = f"{about} can't be loaded: {type(error).__name__}: {error}"
    if problem:
        invoker = BrokenInvoker(problem)
    return Plugin(entry_point.name, entry_point.value, package, version, invoker, problem)
