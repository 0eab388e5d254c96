"""pages of names: a token is the last name of the page before"""

from broker.core.limits import LIST_PAGE


def page_of(
    names: list[str], next_token: str | None, limit: int = LIST_PAGE
) -> tuple[list[str], str | None]:
    """One page of sorted names after the token, and the token of the next page."""
    left = [name for name in names if next_token is None or name > next_token]
    page = left[:limit]
    return page, page[-1] if len(page) < len(left) else None
