"""writes a page of docs/: what there is of a service, as the service's model lists it

A thing is called supported only if a conversation, which the tests hold with a real daemon, has it
in a request that was answered, or in the answer. What is said for people to read is only why
something is otherwise: see `compatibility_sqs` and `compatibility_sns`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.model import ServiceModel, Shape

from broker.edge.aws.rest import RestService
from broker.edge.aws.service import Service
from tests.wire.exchange import ANY, Exchange

SUPPORTED, NOT_TESTED = "supported", "**not tested**"
REFUSED = "refused by name"

Member = tuple[str, str, str]  # action, "request" or "response", path
Row = tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One service's page."""

    file: Path
    title: str
    introduction: str
    service: Service | RestService
    model: ServiceModel
    exchanges: list[Exchange]
    protocols: str  # the column's head
    refusal_code: str  # of what is refused by its name
    attributes: Callable[["Page"], dict[str, list[Row]]] = lambda _: {}  # rows by section
    errors_introduction: str = ""
    action_notes: Mapping[str, str] = field(default_factory=dict)
    member_reasons: Mapping[Member, str] = field(default_factory=dict)
    name_reasons: Mapping[tuple[str, str], str] = field(default_factory=dict)  # of any action
    error_reasons: Mapping[str, str] = field(default_factory=dict)
    action_reasons: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The page as it is to be."""
        tested = set(self._tested_members())
        parts = [self.introduction, "## Actions\n", self._actions(), "## Members\n"]
        for action in sorted(self.actions):
            operation = self.model.operation_model(action)
            rows = [
                (side, path, self._member_state((action, side, path), tested))
                for side, shape in (
                    ("request", operation.input_shape),
                    ("response", operation.output_shape),
                )
                for path in _paths(shape)
                if self._is_told((action, side, path), tested)
            ]
            parts += [f"### {action}\n", table(("", "member", "state"), rows)]
        for section, rows in self.attributes(self).items():
            parts += [f"## {section}\n", table(("attribute", "", "state"), rows)]
        parts += ["## Errors\n", self.errors_introduction, self._errors()]
        return "\n".join(part for part in parts if part)

    @property
    def actions(self) -> set[str]:
        """What there is, as the model names it."""
        if isinstance(self.service, Service):
            return set(self.service.actions)
        names = (handler.__name__ for _, _, handler in self.service.routes)
        return {"".join(map(str.title, name.split("_"))) for name in names}

    def answered(self) -> list[Exchange]:
        """The exchanges that are no refusals."""
        return [exchange for exchange in self.exchanges if exchange.refusal is None]

    def error_code(self, shape: str) -> str:
        """What an error of the model is called in Query."""
        codes = {wire.shape: wire.query_code for wire in self.service.errors.values()}
        modelled: str = self.model.shape_for(shape).metadata.get("error", {}).get("code", shape)
        return codes.get(shape) or (modelled if modelled in codes else "")

    def _actions(self) -> str:
        answered = {exchange.action for exchange in self.answered()}
        rows = []
        for action in sorted(self.model.operation_names):
            state = NOT_TESTED
            if action not in self.actions:
                state = REFUSED
            elif action in answered:
                state = SUPPORTED
            elif action in self.action_reasons:
                state = self.action_reasons[action]
            note = self.action_notes.get(action)
            rows.append((action, f"{state}; {note}" if note else state))
        return table(("action", self.protocols), rows)

    def _is_told(self, member: Member, tested: set[Member]) -> bool:
        """Of what lies within something that isn't supported, nothing is."""
        action, side, path = member
        parts = path.split(".")
        above = [".".join(parts[:n]) for n in range(1, len(parts))]
        return all(self._member_state((action, side, each), tested) == SUPPORTED for each in above)

    def _member_state(self, member: Member, tested: set[Member]) -> str:
        action, _, path = member
        if member in tested:
            return SUPPORTED
        if member in self.member_reasons:
            return self.member_reasons[member]
        _, side, path = member
        for name in path.split("."):
            if (side, name) in self.name_reasons:
                return self.name_reasons[side, name]
        return REFUSED if self._is_refused(action, path) else NOT_TESTED

    def _is_refused(self, action: str, path: str) -> bool:
        """Whether a conversation shows that the member is refused by its name."""
        return any(
            exchange.action == action
            and exchange.refusal is not None
            and exchange.refusal.shape == self.refusal_code
            and exchange.refusal.message.startswith(path.rpartition(".")[2])
            and path
            in set(_given(self.model.operation_model(action).input_shape, exchange.request))
            for exchange in self.exchanges
        )

    def _errors(self) -> str:
        shown = {exchange.refusal.shape for exchange in self.exchanges if exchange.refusal}
        rows = []
        for shape in sorted(self.model.shape_names):
            if not self.model.shape_for(shape).metadata.get("exception"):
                continue
            code = self.error_code(shape)
            state = SUPPORTED if {shape, code} & shown else self.error_reasons.get(shape)
            rows.append((shape, code, state or NOT_TESTED))
        return table(("error", "code in Query", "state"), rows)

    def _tested_members(self) -> Iterator[Member]:
        for exchange in self.answered():
            operation = self.model.operation_model(exchange.action)
            for path in _given(operation.input_shape, exchange.request):
                yield exchange.action, "request", path
            for path in _given(operation.output_shape, exchange.answer):
                yield exchange.action, "response", path


def _paths(shape: Shape | None) -> Iterator[str]:
    """All members of a shape; those of what lies in lists and maps with a dot."""
    if shape is None:
        return
    for name, member in shape.members.items():
        yield name
        inner = _inner(member)
        if inner.type_name == "structure":
            yield from (f"{name}.{path}" for path in _paths(inner))


def _given(shape: Shape | None, value: Any) -> Iterator[str]:
    """Which of them a request or an answer has."""
    if shape is None:
        return
    for name, each in value.items():
        yield name
        member = shape.members[name]
        inner = _inner(member)
        if inner.type_name != "structure" or each is ANY:
            continue
        items = {"map": dict.values, "structure": lambda one: [one]}.get(member.type_name, list)(
            each
        )
        for item in items:
            yield from (f"{name}.{path}" for path in _given(inner, item))


def _inner(shape: Shape) -> Shape:
    if shape.type_name == "list":
        return shape.member
    return shape.value if shape.type_name == "map" else shape


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    if not rows:
        return "No members.\n"
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
