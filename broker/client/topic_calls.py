"""requests about topics, subscriptions and their deliveries, described without I/O as in `calls`"""

from typing import Any

from broker.client.asking import (
    JSON,
    Ask,
    Query,
    get,
    json_reader,
    label,
    member,
    nothing,
    page,
    post,
    to_json,
)
from broker.client.results import EndpointDeliveries, Page, Subscription, TopicInfo


def topic(name: str) -> Ask[TopicInfo]:
    """One topic."""
    return get(f"/v1/topics/{label(name)}", json_reader(TopicInfo))


def put_topic(name: str, **settings: Any) -> Ask[TopicInfo]:
    """Make a topic or replace its settings; those not given are the defaults."""
    return Ask(
        "PUT",
        f"/v1/topics/{label(name)}",
        json_reader(TopicInfo),
        headers={"content-type": JSON},
        content=to_json(settings),
    )


def delete_topic(name: str) -> Ask[None]:
    """Delete a topic with its subscriptions."""
    return Ask("DELETE", f"/v1/topics/{label(name)}", nothing)


def subscriptions(
    topic: str | None = None, *, after: str = "", limit: int = 1_000
) -> Ask[Page[Subscription]]:
    """Subscriptions of one topic, or of all."""
    query: Query = {"after": after, "limit": limit}
    path = "/v1/subscriptions" if topic is None else f"/v1/topics/{label(topic)}/subscriptions"
    return get(path, page("subscriptions", Subscription), query)


def subscribe(topic: str, **settings: Any) -> Ask[Subscription]:
    """Subscribe one of `queue`, `function`, `url`, `topic`, `event_bus`, with these settings.

    A secret that was made for it is shown in this answer only.
    """
    return post(f"/v1/topics/{label(topic)}/subscriptions", settings, json_reader(Subscription))


def subscription(topic: str, id: str) -> Ask[Subscription]:
    """One subscription."""
    return get(_path(topic, id), json_reader(Subscription))


def configure_subscription(topic: str, id: str, **settings: Any) -> Ask[Subscription]:
    """Change how a subscription delivers; what isn't given stays as it is."""
    return Ask(
        "PATCH",
        _path(topic, id),
        json_reader(Subscription),
        headers={"content-type": JSON},
        content=to_json(settings),
    )


def confirm_subscription(topic: str, id: str) -> Ask[Subscription]:
    """Confirm a subscription on behalf of its endpoint."""
    return Ask("POST", f"{_path(topic, id)}/confirm", json_reader(Subscription))


def rotate_webhook_secret(topic: str, id: str) -> Ask[Subscription]:
    """Make a new secret, shown in this answer only; the one before signs as well from now on."""
    return Ask("POST", f"{_path(topic, id)}/webhook-secrets", json_reader(Subscription))


def unsubscribe(topic: str, id: str) -> Ask[None]:
    """Remove a subscription; a URL is told, and can restore it for three days."""
    return Ask("DELETE", _path(topic, id), nothing)


def deliveries(*, after: str = "", limit: int = 1_000) -> Ask[Page[EndpointDeliveries]]:
    """How deliveries to all HTTP endpoints go."""
    query: Query = {"after": after, "limit": limit}
    return get("/v1/deliveries", page("endpoints", EndpointDeliveries), query)


def endpoint_deliveries(topic: str, id: str) -> Ask[EndpointDeliveries]:
    """How deliveries to one endpoint go."""
    return get(f"{_path(topic, id)}/deliveries", json_reader(EndpointDeliveries))


def retry_deliveries(topic: str, id: str) -> Ask[int]:
    """Make the next attempts now; how many messages that are."""
    return Ask("POST", f"{_path(topic, id)}/deliveries/retry", member("messages", int))


def pause_deliveries(topic: str, id: str, *, reason: str | None = None) -> Ask[EndpointDeliveries]:
    """Send nothing to an endpoint until it is resumed; its messages wait."""
    path = f"{_path(topic, id)}/deliveries/pause"
    return post(path, {"reason": reason}, json_reader(EndpointDeliveries))


def resume_deliveries(topic: str, id: str) -> Ask[EndpointDeliveries]:
    """Send to an endpoint again."""
    return Ask("POST", f"{_path(topic, id)}/deliveries/resume", json_reader(EndpointDeliveries))


def _path(topic: str, id: str) -> str:
    return f"/v1/topics/{label(topic)}/subscriptions/{label(id)}"
