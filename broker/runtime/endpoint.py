"""one HTTP endpoint of a topic: what waits in its queue is sent to it, as its delivery policy says

An endpoint has a queue, connections and room of its own, so one that is dead or slow delays no
other. An answer of 429, or one with Retry-After, parks the message and costs no attempt. One that
has failed for long is paused: its messages wait and lose no attempts, and now and then one of them
is sent to see whether it has come back.
"""

import logging
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
import trio

from broker.core.commands import NewEntry, Received
from broker.core.delivery_policy import DeliveryPolicy, effective
from broker.core.errors import BrokerError, SubscriptionDoesNotExist
from broker.core.limits import (
    DELIVERY_AGE_S,
    DELIVERY_ANSWERS_KEPT,
    DELIVERY_BACKLOG,
    DELIVERY_CONCURRENCY,
    DELIVERY_TIMEOUT_S,
    PAUSE_AFTER_S,
    PROBE_S_MAX,
    PROBE_S_MIN,
)
from broker.core.message import (
    Handshake,
    Notification,
    Via,
    decode,
    document_text,
    handshake_document,
    notification_document,
)
from broker.core.names import Namespace, uuid_text
from broker.core.resources import Pause, Subscription, Topic
from broker.core.standard_webhooks import sign as webhook_headers
from broker.core.subscribers import dead_letter_queue_of
from broker.outgoing.address import Address, Network, permitted_within
from broker.outgoing.resolve import Resolve
from broker.runtime.document_signer import DocumentSigner
from broker.runtime.drain import Drain, WorkerGone, noted
from broker.runtime.ids import Ids
from broker.runtime.metrics import DELIVERIES
from broker.runtime.subscriptions import Subscriptions
from broker.runtime.topics import Topics

if TYPE_CHECKING:
    from broker.runtime.http_sender import Answer, HttpSender  # httpx takes long to load

log = logging.getLogger(__name__)

LEASE_S = DELIVERY_TIMEOUT_S + 60.0  # before a lost attempt is made again
PARKED_S = (20.0, 300.0)  # first and longest wait after a 429 that doesn't say how long
CONTENT_TYPE = "text/plain; charset=UTF-8"  # of handshakes, whatever the delivery policy says


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """What the configuration says of all endpoints."""

    concurrency: int = DELIVERY_CONCURRENCY
    backlog: int = DELIVERY_BACKLOG
    pause_after_s: float = PAUSE_AFTER_S
    age_s: int = DELIVERY_AGE_S
    allowed_networks: tuple[Network, ...] = ()  # that are reached besides public addresses
    trusted_accounts: frozenset[str] = frozenset()  # which reach any address
    ca_file: str | None = None
    resolve: Resolve | None = None  # None: ask the operating system

    @property
    def local_networks(self) -> tuple[str, ...]:
        """Those of this machine that anybody's endpoints may be in."""
        return tuple(str(network) for network in self.allowed_networks if network.is_loopback)

    def permits(self, namespace: Namespace) -> Callable[[Address], bool]:
        """Which addresses a namespace's endpoints may have."""
        if namespace.account in self.trusted_accounts:
            return _anywhere
        return permitted_within(self.allowed_networks)


def _anywhere(_: Address) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was made, as it is shown."""

    at_ms: int
    message_id: str
    answer: "Answer"


@dataclass(slots=True)
class EndpointStatus:
    """How an endpoint has been since the daemon started."""

    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=DELIVERY_ANSWERS_KEPT))
    delivered: int = 0
    failures_in_a_row: int = 0
    failing_since_ms: int | None = None
    probe_at_ms: int | None = None  # of one that is paused for its failures


class Endpoint:
    """The worker of one subscription's drain."""

    def __init__(
        self,
        drain: Drain,
        sender: "HttpSender",
        subscriptions: Subscriptions,
        topics: Topics,
        signer: DocumentSigner,
        ids: Ids,
        name: str,
        now_ms: Callable[[], int],
        options: DeliveryOptions,
    ) -> None:
        self.label = f"subscription {name}"
        self.status = EndpointStatus()
        self._drain = drain
        self._namespace = drain.namespace
        self._sender = sender
        self._subscriptions = subscriptions
        self._topics = topics
        self._signer = signer
        self._ids = ids
        self._name = name
        self._now_ms = now_ms
        self._options = options
        self._busy = 0
        self._parks = 0  # in a row
        self._probe_s = float(PROBE_S_MIN)
        self._probing = False  # the one request that is under way is to see whether it is back
        self._next_start = -math.inf  # by the throttle, on trio's clock
        self._news = trio.lowlevel.ParkingLot()  # room, or another subscription

    # Room

    async def take_room(self, wanted: int) -> int:
        """See `broker.runtime.drain.Worker`."""
        while True:
            room = min(self._room_now(), wanted)
            if room:
                self._busy += room
                return room
            with trio.move_on_after(self._wait_s()):
                await self._news.park()

    def give_room(self, count: int) -> None:
        """See `broker.runtime.drain.Worker`."""
        self._busy -= count
        self._news.unpark_all()

    def hear(self) -> None:
        """The subscription is another now: whoever waits looks again."""
        if self._subscription().pause is None and self.status.probe_at_ms is not None:
            # It was resumed, by whomever, and is not to be paused for what was before.
            self.status.probe_at_ms = self.status.failing_since_ms = None
        self._news.unpark_all()

    def _room_now(self) -> int:
        subscription, policy = self._subscription(), self._policy()
        room = self._options.concurrency - self._busy
        if subscription.pause is not None:
            self._probing = self._busy == 0 and self._may_probe(subscription.pause)
            return 1 if self._probing else 0
        if room > 0 and policy.max_receives_per_second is not None:
            now = trio.current_time()
            if now < self._next_start:
                return 0
            self._next_start = max(now, self._next_start) + 1 / policy.max_receives_per_second
            return 1
        return max(room, 0)

    def _wait_s(self) -> float:
        """Until there may be room although nobody says so."""
        pause = self._subscription().pause
        if pause is None:
            if self._busy >= self._options.concurrency:
                return math.inf
            return max(self._next_start - trio.current_time(), 0)
        if pause.by == "failures" and self.status.probe_at_ms is not None and not self._busy:
            return max((self.status.probe_at_ms - self._now_ms()) / 1000, 0)
        return math.inf

    def _may_probe(self, pause: Pause) -> bool:
        if pause.by != "failures":
            return False
        if self.status.probe_at_ms is None:  # it was paused before the daemon started
            self._expect_probe()
        assert self.status.probe_at_ms is not None
        return self._now_ms() >= self.status.probe_at_ms

    def _expect_probe(self) -> None:
        self.status.probe_at_ms = self._now_ms() + int(self._probe_s * 1000)

    def lease_s(self) -> float:
        """See `broker.runtime.drain.Worker`."""
        return LEASE_S

    # Work

    async def work(self, received: Received) -> None:
        """Send one message, once."""
        subscription = self._subscription()
        body = decode(received.body)
        if isinstance(body, Handshake):
            if body.token != subscription.token or subscription.status == "confirmed":
                await self._drain.done(received)  # it is too late, or was superseded
                return
        elif subscription.status != "confirmed":
            await self._give_up(subscription, received, "Unsubscribed: the subscription has ended")
            return
        age_s = (self._now_ms() - received.sent_at_ms) / 1000
        if age_s > self._options.age_s:
            text = f"DeliveryExpired: it waited for more than {self._options.age_s} s"
            await self._give_up(subscription, received, text)
            return
        headers, content = await self._request(subscription, received, body)
        answer = await self._sender.post(subscription.endpoint, headers, content)
        message_id = headers["x-amz-sns-message-id"]
        self.status.attempts.append(Attempt(self._now_ms(), message_id, answer))
        DELIVERIES.labels(subscription.topic, answer.verdict).inc()
        if answer.verdict == "delivered":
            await self._delivered(received, answer)
        elif answer.verdict == "parked":
            await self._park(received, answer)
        else:
            await self._failed(received, answer)

    async def aclose(self) -> None:
        """See `broker.runtime.drain.Worker`."""
        await self._sender.aclose()

    async def _delivered(self, received: Received, answer: "Answer") -> None:
        await self._drain.done(received, noted(received, self._now_ms(), "delivered", answer.text))
        status = self.status
        status.delivered += 1
        status.failures_in_a_row, status.failing_since_ms, self._parks = 0, None, 0
        pause = self._subscription().pause
        if pause is not None and pause.by == "failures":
            log.info("%s answers again, and is resumed", self.label)
            await self._set_pause(None)

    async def _park(self, received: Received, answer: "Answer") -> None:
        first_s, longest_s = PARKED_S
        delay_s = answer.retry_after_s
        if delay_s is None:
            delay_s = min(first_s * 2 ** min(self._parks, 16), longest_s)
        self._parks += 1
        await self._drain.hide(received, delay_s, spend=False)
        self._put_probe_off()

    async def _failed(self, received: Received, answer: "Answer") -> None:
        self.status.failures_in_a_row += 1
        now_ms = self._now_ms()
        if self.status.failing_since_ms is None:
            self.status.failing_since_ms = now_ms
        subscription = self._subscription()
        if answer.verdict == "refused":
            await self._give_up(subscription, received, answer.cause)
            return
        if subscription.pause is not None:
            await self._drain.hide(received, 0, spend=False)
            self._put_probe_off()
            return
        delay_s = self._policy().healthy_retry_policy.delay_s(received.receive_count)
        if delay_s is None:
            await self._give_up(subscription, received, answer.cause)
        else:
            next_at_ms = now_ms + round(delay_s * 1000)
            note = noted(received, now_ms, "failed", answer.text, next_at_ms)
            await self._drain.hide(received, delay_s, attempt=note)
        failing_s = (now_ms - self.status.failing_since_ms) / 1000
        if failing_s >= self._options.pause_after_s:
            reason = f"has failed for {failing_s:.0f} s; last answer: {answer.text}"
            log.warning("%s is paused: it %s", self.label, reason)
            self._probe_s = float(PROBE_S_MIN)
            self._expect_probe()
            await self._set_pause(Pause("failures", reason, now_ms))

    def _put_probe_off(self) -> None:
        """If that was a probe, which failed, the next one takes longer to come."""
        if self._probing:
            self._probing = False
            self._probe_s = min(self._probe_s * 2, PROBE_S_MAX)
            self._expect_probe()

    async def _set_pause(self, pause: Pause | None) -> None:
        try:
            await self._subscriptions.configure(self._namespace, self._name, {"pause": pause})
        except SubscriptionDoesNotExist:
            return
        except BrokerError as error:  # the next attempt says it again
            log.warning("%s: its pause isn't noted: %s", self.label, error.message)

    async def _give_up(self, subscription: Subscription, received: Received, cause: str) -> None:
        """Move the message to the dead-letter queue with its cause, or let it go and say so."""
        log.warning("%s gives up message %s: %s", self.label, uuid_text(received.message_id), cause)
        dead_letter_queue = dead_letter_queue_of(subscription)
        entries = []
        if dead_letter_queue is not None and received.via is not None:
            via = msgspec.structs.replace(received.via, cause=cause)
            entries.append(NewEntry(dead_letter_queue, self._ids.new(), 0, via=via))
        bodies = [received.body] if entries else []
        note = noted(received, self._now_ms(), "given up", cause)
        if entries:
            note = msgspec.structs.replace(
                note, dead_letter_queue=dead_letter_queue, dead_letter_id=entries[0].message_id
            )
        replaced, homeless = await self._drain.replace(received, bodies, entries, note)
        if replaced:
            taken = bool(entries) and not homeless
            DELIVERIES.labels(subscription.topic, "dead_lettered" if taken else "lost").inc()

    # Requests

    async def _request(
        self, subscription: Subscription, received: Received, body: object
    ) -> tuple[dict[str, str], bytes]:
        """Headers and content, in the order in which SNS sends them."""
        origin = self._signer.origin
        topic = self._topics.get(self._namespace, subscription.topic)
        headers: dict[str, str] = {}
        if isinstance(body, Handshake):
            signature = await self._signer.signature(body, _version(topic), ("http",))
            content = document_text(handshake_document(body, signature, origin))
            headers |= _about(body.kind, body.message_id, body.topic_arn)
            content_type = CONTENT_TYPE
        else:
            assert isinstance(body, Notification)
            via = received.via
            assert via is not None
            headers |= _about("Notification", body.message_id, body.topic_arn)
            headers["x-amz-sns-subscription-arn"] = via.arn(body.topic_arn)
            if via.form == "raw":
                headers["x-amz-sns-rawdelivery"] = "true"
                content = body.for_protocol(via.protocol)
            else:
                content = await self._signed(body, via, topic)
            content_type = self._policy().header_content_type
        headers["Content-Type"] = content_type
        headers["User-Agent"] = "Amazon Simple Notification Service Agent"
        headers["Accept-Encoding"] = "gzip,deflate"
        headers["Connection"] = "Keep-Alive"
        encoded = content.encode()
        if subscription.webhook_secrets:
            headers |= webhook_headers(
                subscription.webhook_secrets,
                headers["x-amz-sns-message-id"],
                self._now_ms() // 1000,
                encoded,
            )
        return headers, encoded

    async def _signed(self, body: Notification, via: Via, topic: Topic) -> str:
        signature = await self._signer.signature(body, _version(topic), (via.protocol,))
        return document_text(notification_document(body, via, signature, self._signer.origin))

    # The subscription as it is now

    def _subscription(self) -> Subscription:
        found = self._subscriptions.find(self._namespace, self._name)
        if found is None:
            raise WorkerGone
        return found

    def _policy(self) -> DeliveryPolicy:
        subscription = self._subscription()
        topic = self._topics.get(self._namespace, subscription.topic)
        return _effective(topic.delivery_policy, subscription.delivery_policy)


_effective = lru_cache(maxsize=1_000)(effective)


def _version(topic: Topic) -> str:
    return topic.signature_version or "1"


def _about(kind: str, message_id: str, topic_arn: str) -> dict[str, str]:
    return {
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": message_id,
        "x-amz-sns-topic-arn": topic_arn,
    }
