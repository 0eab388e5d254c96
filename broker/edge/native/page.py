"""pages of resources by name"""

from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec

from broker.core.limits import LIST_QUEUES_MAX
from broker.core.resources import Resource
from broker.edge.native.operation import Shape

R = TypeVar("R", bound=Resource)


class Page(Shape, frozen=True, kw_only=True):
    """Which resources to list."""

    prefix: Annotated[str, msgspec.Meta(description="What the names begin with.")] = ""
    after: Annotated[str, msgspec.Meta(description="The `next` of an earlier page.")] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIST_QUEUES_MAX)] = LIST_QUEUES_MAX


def page_of(resources: Sequence[R], page: Page) -> tuple[list[R], str | None]:
    """The page of resources that come sorted by name, and where the next one begins."""
    found = [r for r in resources if r.name > page.after and r.name.startswith(page.prefix)]
    chosen = found[: page.limit]
    return chosen, chosen[-1].name if len(chosen) < len(found) else None
