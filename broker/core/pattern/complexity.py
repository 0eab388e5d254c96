"""how much work a pattern's wildcards can make of one value; too much is refused, as by the service

A wildcard's score is the largest number of its beginnings that one text fits at once: "a" fits all
of `*`, `*a` and `*a*`. What stands at one field counts together, and the field with the highest
score is the pattern's. It takes reading every text that makes a difference, which is done here by
sets of beginnings (a subset construction): asterisks alone tell nothing, since `*a*b*c*d` scores
less than `*a*a*a`. Source: event-ruler, MachineComplexityEvaluator; the limit is the example of its
README, which fits what the service was seen to refuse and to take. The engine has some beginnings
of the wildcards in one `anything-but` twice, and then its score is a little higher than this one.
"""

from collections.abc import Iterator

from msgspec import Struct

from broker.core.pattern.errors import InvalidEventPattern
from broker.core.pattern.language import Alternative, AnythingBut, Branch, Pattern, Wildcard
from broker.core.pattern.parse import parse

__all__ = ["COMPLEXITY_MAX", "complexity", "parse_given"]

COMPLEXITY_MAX = 10
SETS_MAX = 5_000  # that are looked at for one field; ours, so that no pattern takes long to check

_TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character "
    "sequences after a wildcard character"
)

_ASTERISK = -1  # beside the bytes of a text
_Beginnings = frozenset[int]


def parse_given(text: str) -> Pattern:
    """The pattern behind a text that is given anew; its wildcards may not make too much work.

    One that is stored was taken once, and goes on matching whatever its score: `parse` reads it.
    Raises: InvalidEventPattern. Source: EventBridge, PutRule and TestEventPattern.
    """
    pattern = parse(text)
    if complexity(pattern) > COMPLEXITY_MAX:
        raise InvalidEventPattern(_TOO_COMPLEX)
    return pattern


def complexity(pattern: Pattern) -> int:
    """The score, 0 without wildcards; of what is beyond the limit only that it is."""
    return max((_score(each) for each in _at_one_field(pattern.branches)), default=0)


def _at_one_field(branches: tuple[Branch, ...]) -> Iterator[list[tuple[Wildcard, ...]]]:
    """What the engine asks of one value together: the wildcards, by the operator they stand in.

    It asks a branch's fields one after the other, so branches of `$or` share a question for as long
    as what they have asked before is the same.
    """
    found: dict[tuple[Branch, str], dict[Alternative, tuple[Wildcard, ...]]] = {}
    for branch in branches:
        for index, field in enumerate(branch):
            for alternative in field.alternatives:
                wildcards = _wildcards(alternative)
                if wildcards:
                    asked = found.setdefault((branch[:index], field.path), {})
                    asked[alternative] = wildcards
    return (list(asked.values()) for asked in found.values())


def _wildcards(alternative: Alternative) -> tuple[Wildcard, ...]:
    match alternative:
        case Wildcard():
            return (alternative,)
        case AnythingBut(excluded):
            return tuple(each for each in excluded if isinstance(each, Wildcard))
    return ()


class _Beginning(Struct, gc=False):
    """A beginning of wildcards, and how it goes on."""

    asterisk: bool  # that it ends with
    longer: dict[int, int]  # by the next byte or asterisk


def _score(operators: list[tuple[Wildcard, ...]]) -> int:
    beginnings, empty = _beginnings(operators)
    if len(beginnings) - len(empty) <= 1:
        return len(beginnings) - len(empty)
    start = frozenset(empty)
    seen, waiting, highest = {start}, [start], 0
    while waiting:
        fitting = waiting.pop()
        for following in _following(beginnings, fitting):
            if following in seen:
                continue
            highest = max(highest, len(following))
            if highest > COMPLEXITY_MAX or len(seen) > SETS_MAX:
                return COMPLEXITY_MAX + 1
            seen.add(following)
            waiting.append(following)
    return highest


def _beginnings(operators: list[tuple[Wildcard, ...]]) -> tuple[list[_Beginning], list[int]]:
    """All of them, and which are the empty ones; wildcards of one operator share theirs.

    The engine has texts with their quotes, and in bytes.
    """
    beginnings: list[_Beginning] = []
    empty: list[int] = []
    for wildcards in operators:
        empty.append(len(beginnings))
        beginnings.append(_Beginning(False, {}))
        for wildcard in wildcards:
            at = empty[-1]
            for each in _units(wildcard):
                longer = beginnings[at].longer
                if each not in longer:
                    longer[each] = len(beginnings)
                    beginnings.append(_Beginning(each == _ASTERISK, {}))
                at = longer[each]
    return beginnings, empty


def _units(wildcard: Wildcard) -> Iterator[int]:
    first, *others = wildcard.pieces
    yield from b'"' + _bytes(first)
    for piece in others:
        yield _ASTERISK
        yield from _bytes(piece)
    yield from b'"'


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _following(beginnings: list[_Beginning], fitting: _Beginnings) -> Iterator[_Beginnings]:
    """What fits a text that is one byte longer: one answer for each byte that matters."""
    staying = [at for at in fitting if beginnings[at].asterisk]
    by_byte: dict[int, list[int]] = {}
    for at in fitting:
        for each, longer in beginnings[at].longer.items():
            if each != _ASTERISK:
                by_byte.setdefault(each, []).append(longer)
    yield frozenset(staying)
    for begun in by_byte.values():
        # An asterisk may stand for nothing at all.
        open_ended = [beginnings[at].longer.get(_ASTERISK) for at in begun]
        yield frozenset(staying).union(begun, (at for at in open_ended if at is not None))
