"""takes the rules of the start into their buses' nets, in slices, while other work goes on"""

import gc
import logging

import trio

from broker.core.registry import Registry, Resources
from broker.core.rule_net import RuleNet

__all__ = ["ready", "take_in_all", "taken_in"]

log = logging.getLogger(__name__)

SLICE = 20  # rules that are taken in without a pause: some 2 ms
FREEZE_AFTER = 5_000  # rules; then the garbage collector leaves alone what is there


async def taken_in(net: RuleNet | None) -> None:
    """Until all rules of a bus take part; helps with it."""
    while net is not None and net.waiting:
        net.take_in(SLICE)
        await trio.lowlevel.checkpoint()


async def ready(resources: Resources) -> None:
    """Until all rules of a namespace take part."""
    for net in list(resources.rule_nets.values()):
        await taken_in(net)


async def take_in_all(registry: Registry) -> None:
    """Take in all rules, small buses first.

    The collector would look at each rule again and again while they come, for nothing.
    """
    nets = [net for each in registry.namespaces.values() for net in each.rule_nets.values()]
    rules = since = 0
    for net in sorted(nets, key=lambda each: each.waiting):
        while net.waiting:
            rules += min(net.waiting, SLICE)
            net.take_in(SLICE)
            if rules - since >= FREEZE_AFTER:
                gc.freeze()
                since = rules
            await trio.lowlevel.checkpoint()
    if since:
        gc.freeze()
    log.debug("%d rules take part", rules)
