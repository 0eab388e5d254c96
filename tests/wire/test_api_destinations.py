"""connections and API destinations, by boto3"""

from typing import Any

import pytest

from tests.http_endpoint import http_endpoint
from tests.wire.refusals import raises_refusal

ARN = "arn:aws:events:us-east-1:000000000000:"
BASIC = {"BasicAuthParameters": {"Username": "ann", "Password": "secret"}}
KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "secret"}}
OAUTH = {
    "OAuthParameters": {
        "ClientParameters": {"ClientID": "me", "ClientSecret": "secret"},
        "AuthorizationEndpoint": "https://tokens.example/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": {
            "BodyParameters": [
                {"Key": "scope", "Value": "all", "IsValueSecret": False},
                {"Key": "pin", "Value": "secret", "IsValueSecret": True},
            ]
        },
    }
}


def connect(events: Any, name: str, kind: str = "API_KEY", **parameters: Any) -> str:
    made = events.create_connection(
        Name=name, AuthorizationType=kind, AuthParameters=parameters or KEY
    )
    assert made["ConnectionState"] == "AUTHORIZED"
    assert made["ConnectionArn"].startswith(f"{ARN}connection/{name}/")
    return str(made["ConnectionArn"])


@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    [
        ("BASIC", BASIC, {"BasicAuthParameters": {"Username": "ann"}}),
        ("API_KEY", KEY, {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key"}}),
        (
            "OAUTH_CLIENT_CREDENTIALS",
            OAUTH,
            {
                "OAuthParameters": {
                    **OAUTH["OAuthParameters"],
                    "ClientParameters": {"ClientID": "me"},
                    "OAuthHttpParameters": {
                        "BodyParameters": [
                            {"Key": "scope", "Value": "all", "IsValueSecret": False},
                            {"Key": "pin", "IsValueSecret": True},
                        ]
                    },
                }
            },
        ),
    ],
)
def test_a_connection_is_described_without_its_secrets(
    events: Any, name: str, kind: str, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    parts = {"HeaderParameters": [{"Key": "x", "Value": "secret", "IsValueSecret": True}]}
    arn = connect(events, name, kind, InvocationHttpParameters=parts, **given)
    described = events.describe_connection(Name=name)
    assert "secret" not in str(described)
    assert described["ConnectionArn"] == arn
    assert (described["AuthorizationType"], described["ConnectionState"]) == (kind, "AUTHORIZED")
    assert described["AuthParameters"] == {
        **shown,
        "InvocationHttpParameters": {"HeaderParameters": [{"Key": "x", "IsValueSecret": True}]},
    }


def test_a_connection_is_changed_listed_deauthorized_and_deleted(events: Any, name: str) -> None:
    arn = connect(events, name, "BASIC", **BASIC)
    changed = {"BasicAuthParameters": {"Username": "bob"}}
    events.update_connection(
        Name=name,
        Description="of bob",
        AuthParameters={"BasicAuthParameters": {"Username": "bob", "Password": "other"}},
    )
    described = events.describe_connection(Name=name)
    assert (described["Description"], described["AuthParameters"]) == ("of bob", changed)
    (listed,) = events.list_connections(NamePrefix=name)["Connections"]
    assert (listed["ConnectionArn"], listed["ConnectionState"]) == (arn, "AUTHORIZED")
    assert events.deauthorize_connection(Name=name)["ConnectionState"] == "DEAUTHORIZED"
    listed = events.list_connections(ConnectionState="DEAUTHORIZED")["Connections"]
    assert name in [each["Name"] for each in listed]
    events.update_connection(Name=name, AuthorizationType="API_KEY", AuthParameters=KEY)
    assert events.describe_connection(Name=name)["AuthorizationType"] == "API_KEY"
    assert events.delete_connection(Name=name)["ConnectionState"] == "DELETING"
    for call in (events.describe_connection, events.delete_connection):
        with raises_refusal("ResourceNotFoundException"):
            call(Name=name)


def test_connections_that_can_not_be(events: Any, name: str) -> None:
    connect(events, name)
    with raises_refusal("ResourceAlreadyExistsException", f"Connection {name} already exists."):
        connect(events, name)
    with raises_refusal("ValidationException", "Parameter Username must be specified."):
        connect(events, "x", "BASIC", **KEY)
    plain = {
        "OAuthParameters": {
            **OAUTH["OAuthParameters"],
            "AuthorizationEndpoint": "http://tokens.example/token",
        }
    }
    with raises_refusal("ValidationException"):
        connect(events, "x", "OAUTH_CLIENT_CREDENTIALS", **plain)


def test_a_destination_is_made_described_changed_listed_and_deleted(events: Any, name: str) -> None:
    connection = connect(events, name)
    made = events.create_api_destination(
        Name=name,
        ConnectionArn=connection,
        InvocationEndpoint="https://api.example/orders/*",
        HttpMethod="PUT",
        Description="orders",
    )
    assert made["ApiDestinationState"] == "ACTIVE"
    assert made["ApiDestinationArn"].startswith(f"{ARN}api-destination/{name}/")
    events.update_api_destination(Name=name, InvocationRateLimitPerSecond=7)
    described = events.describe_api_destination(Name=name)
    wanted = {
        "ApiDestinationArn": made["ApiDestinationArn"],
        "Name": name,
        "ApiDestinationState": "ACTIVE",
        "ConnectionArn": connection,
        "InvocationEndpoint": "https://api.example/orders/*",
        "HttpMethod": "PUT",
        "InvocationRateLimitPerSecond": 7,
    }
    assert described.items() >= {**wanted, "Description": "orders"}.items()
    (listed,) = events.list_api_destinations(ConnectionArn=connection)["ApiDestinations"]
    assert listed.items() >= wanted.items()
    with raises_refusal(
        "ValidationException", f"Connection {name} can't be deleted since API destinations use it."
    ):
        events.delete_connection(Name=name)
    events.delete_api_destination(Name=name)
    with raises_refusal("ResourceNotFoundException"):
        events.describe_api_destination(Name=name)
    events.delete_connection(Name=name)


def test_destinations_that_can_not_be(events: Any, name: str) -> None:
    connection = connect(events, name)
    given = {
        "Name": name,
        "ConnectionArn": connection,
        "InvocationEndpoint": "https://api.example",
        "HttpMethod": "POST",
    }
    events.create_api_destination(**given)
    with raises_refusal("ResourceAlreadyExistsException"):
        events.create_api_destination(**given)
    for changes in (
        {"InvocationEndpoint": "http://api.example"},
        {"InvocationEndpoint": "https://"},
        {"HttpMethod": "BREW"},
        {"InvocationRateLimitPerSecond": 1_000_000},
        {"ConnectionArn": f"{ARN}event-bus/default"},
    ):
        with raises_refusal("ValidationException"):
            events.create_api_destination(**{**given, "Name": f"{name}-2", **changes})
    with raises_refusal("ResourceNotFoundException"):
        events.create_api_destination(
            **{**given, "Name": "x", "ConnectionArn": f"{ARN}connection/none/1"}
        )


def test_a_rule_sends_an_event_to_a_destination(events: Any, name: str) -> None:
    connection = connect(events, name)
    with http_endpoint() as endpoint:
        destination = events.create_api_destination(
            Name=name,
            ConnectionArn=connection,
            InvocationEndpoint=endpoint.url,
            HttpMethod="POST",
        )["ApiDestinationArn"]
        events.put_rule(Name=name, EventPattern=f'{{"source":["{name}"]}}')
        parameters = {"HeaderParameters": {"x-total": "$.detail.total"}}
        target = {"Id": "1", "Arn": destination, "HttpParameters": parameters}
        events.put_targets(Rule=name, Targets=[target])
        assert events.list_targets_by_rule(Rule=name)["Targets"] == [target]
        entry = {"Source": name, "DetailType": "sold", "Detail": '{"total":12}'}
        event_id = events.put_events(Entries=[entry])["Entries"][0]["EventId"]
        (posted,) = endpoint.wait(1)
        assert posted.document["id"] == event_id
        assert (posted.headers["x-total"], posted.headers["x-api-key"]) == ("12", "secret")
