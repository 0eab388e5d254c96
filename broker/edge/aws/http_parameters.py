"""what an API destination is sent beside an event, as rules' targets and pipes have it"""

from broker.core.resources import HttpParameters
from broker.edge.aws.service import Members

__all__ = ["HttpParametersMember", "http_parameters", "http_parameters_member"]


class HttpParametersMember(Members, kw_only=True):
    path_parameter_values: list[str] | None = None
    header_parameters: dict[str, str] | None = None
    query_string_parameters: dict[str, str] | None = None


def http_parameters(member: HttpParametersMember | None) -> HttpParameters | None:
    """As it is kept."""
    if member is None:
        return None
    return HttpParameters(
        tuple(member.path_parameter_values or ()),
        member.header_parameters or {},
        member.query_string_parameters or {},
    )


def http_parameters_member(kept: HttpParameters | None) -> HttpParametersMember | None:
    """As it is answered; what is empty isn't there."""
    if kept is None:
        return None
    return HttpParametersMember(
        path_parameter_values=list(kept.path_parameter_values) or None,
        header_parameters=kept.header_parameters or None,
        query_string_parameters=kept.query_string_parameters or None,
    )
