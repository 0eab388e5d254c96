"""/v1/plugins: the invokers that the daemon has, and how they are"""

from broker.edge.native.operation import Call, Result, operations


class PluginState(Result, frozen=True, kw_only=True, omit_defaults=False):
    """An invoker."""

    name: str
    state: str  # starting, running, failed (and started again), unhealthy
    problem: str = ""


class Plugins(Result, frozen=True, kw_only=True, omit_defaults=False):
    """All of them, by name."""

    plugins: list[PluginState]


@operations.add("GET", "/v1/plugins", answers={200: Plugins})
async def list_plugins(call: Call) -> Plugins:
    """Invokers by name, with their states."""
    lives = call.broker.functions.host.lives
    return Plugins(
        plugins=[
            PluginState(name=name, state=life.state.state, problem=life.state.problem)
            for name, life in sorted(lives.items())
        ]
    )
