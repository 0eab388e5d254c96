"""STS: who the caller is"""

from broker.core.errors import NotSupported
from broker.edge.aws.protocol import MalformedRequest, MissingMember
from broker.edge.aws.service import Call, Members, Service, Wire

sts = Service(
    name="sts",
    xmlns="https://sts.amazonaws.com/doc/2011-06-15/",
    version="2011-06-15",
    known_actions=frozenset(
        """AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot
        DecodeAuthorizationMessage GetAccessKeyInfo GetDelegatedAccessToken GetFederationToken
        GetScopedCredentials GetSessionToken GetWebIdentityToken""".split()
    ),
    errors={
        NotSupported: Wire(400, "InvalidAction"),
        MissingMember: Wire(400, "MissingParameter"),
        MalformedRequest: Wire(400, "ValidationError"),
    },
)


class GetCallerIdentityRequest(Members, kw_only=True):
    pass


class GetCallerIdentityResponse(Members, kw_only=True):
    user_id: str
    account: str
    arn: str


@sts.action("GetCallerIdentity", GetCallerIdentityRequest)
async def get_caller_identity(
    call: Call, request: GetCallerIdentityRequest
) -> GetCallerIdentityResponse:
    """Without authentication everybody is the root of the account that they name."""
    account = call.namespace.account
    return GetCallerIdentityResponse(
        user_id=account, account=account, arn=f"arn:aws:iam::{account}:root"
    )
