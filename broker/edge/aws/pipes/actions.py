"""EventBridge Pipes actions on pipes: create, describe, update, start, stop, delete, list"""

from broker.core.errors import InvalidParameter
from broker.core.limits import LIST_PAGE
from broker.core.resources import Pipe
from broker.edge.aws.paging import page_of
from broker.edge.aws.pipes.members import (
    CURRENT_STATES,
    STATES,
    CreatePipeRequest,
    DescribePipeResponse,
    PipeStateResponse,
    UpdatePipeRequest,
    check_name,
    describe,
    run_state,
    state_of,
)
from broker.edge.aws.pipes.service import pipes
from broker.edge.aws.rest import decode, query_parameters
from broker.edge.aws.service import Call, Members
from broker.edge.aws.tag_map import checked_tags
from broker.edge.aws.validation import Violations


@pipes.route("POST", "/v1/pipes/{}")
async def create_pipe(call: Call, name: str) -> PipeStateResponse:
    """Make a pipe; it runs at once, unless it is to be stopped."""
    request = decode(call, CreatePipeRequest)
    pipe = request.pipe(name, checked_tags(request.tags))
    return state_of(call.namespace, await call.broker.pipes.create(call.namespace, pipe))


@pipes.route("PUT", "/v1/pipes/{}")
async def update_pipe(call: Call, name: str) -> PipeStateResponse:
    """Change what is given; the source stays."""
    request = decode(call, UpdatePipeRequest)
    pipe = request.pipe(call.broker.pipes.get(call.namespace, _checked(name)))
    return state_of(call.namespace, await call.broker.pipes.update(call.namespace, pipe))


@pipes.route("GET", "/v1/pipes/{}")
async def describe_pipe(call: Call, name: str) -> DescribePipeResponse:
    """One pipe."""
    return describe(call.namespace, call.broker.pipes.get(call.namespace, _checked(name)))


@pipes.route("DELETE", "/v1/pipes/{}")
async def delete_pipe(call: Call, name: str) -> PipeStateResponse:
    """Delete a pipe; its messages stay in the queue that it came from."""
    pipe = await call.broker.pipes.delete(call.namespace, _checked(name))
    return state_of(call.namespace, pipe, desired="DELETED", current="DELETING")


@pipes.route("POST", "/v1/pipes/{}/start")
async def start_pipe(call: Call, name: str) -> PipeStateResponse:
    """Let a pipe run."""
    pipe = await call.broker.pipes.run(call.namespace, _checked(name), running=True)
    return state_of(call.namespace, pipe)


@pipes.route("POST", "/v1/pipes/{}/stop")
async def stop_pipe(call: Call, name: str) -> PipeStateResponse:
    """Take no more messages; those that are out go on to their end."""
    pipe = await call.broker.pipes.run(call.namespace, _checked(name), running=False)
    return state_of(call.namespace, pipe)


class PipeSummary(Members, kw_only=True):
    name: str
    arn: str
    desired_state: str
    current_state: str
    creation_time: float
    last_modified_time: float
    source: str
    target: str
    enrichment: str | None = None


class ListPipesResponse(Members, kw_only=True, omit_defaults=False):
    pipes: list[PipeSummary]
    next_token: str | None = None


@pipes.route("GET", "/v1/pipes")
async def list_pipes(call: Call) -> ListPipesResponse:
    """Pipes by name."""
    query = {name: values[-1] for name, values in query_parameters(call).items()}
    limit = query.get("Limit", str(LIST_PAGE))
    if not limit.isascii() or not limit.lstrip("-").isdigit() or len(limit) > 9:
        raise InvalidParameter(f"Limit is not a number: {limit}")
    v = Violations()
    check_name(v, query.get("NamePrefix"), "namePrefix")
    v.choice("desiredState", query.get("DesiredState"), STATES)
    v.choice("currentState", query.get("CurrentState"), CURRENT_STATES)
    v.length("sourcePrefix", query.get("SourcePrefix"), 1, 1_600)
    v.length("targetPrefix", query.get("TargetPrefix"), 1, 1_600)
    v.length("nextToken", query.get("NextToken"), 1, 2_048)
    v.range("limit", int(limit), 1, LIST_PAGE)
    v.check()
    found = {
        pipe.name: pipe
        for pipe in call.broker.pipes.all(call.namespace, query.get("NamePrefix", ""))
        if pipe.source.arn.startswith(query.get("SourcePrefix", ""))
        and pipe.target.arn.startswith(query.get("TargetPrefix", ""))
        and query.get("DesiredState", run_state(pipe)) == run_state(pipe)
        and query.get("CurrentState", run_state(pipe)) == run_state(pipe)
    }
    names, more = page_of(list(found), query.get("NextToken"), int(limit))
    return ListPipesResponse(pipes=[_summary(call, found[name]) for name in names], next_token=more)


def _checked(name: str) -> str:
    v = Violations()
    check_name(v, name)
    v.check()
    return name


def _summary(call: Call, pipe: Pipe) -> PipeSummary:
    state = state_of(call.namespace, pipe)
    return PipeSummary(
        name=pipe.name,
        arn=state.arn,
        desired_state=state.desired_state,
        current_state=state.current_state,
        creation_time=state.creation_time,
        last_modified_time=state.last_modified_time,
        source=pipe.source.arn,
        target=pipe.target.arn,
        enrichment=pipe.enrichment.arn if pipe.enrichment is not None else None,
    )
