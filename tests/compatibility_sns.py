"""docs/compatibility-sns.md: what there is of SNS; `python -m tests.compatibility_sns` writes it"""

from broker.edge.aws.sns import sns
from tests.compatibility import NOT_TESTED, SUPPORTED, Page, Row
from tests.module_map import ROOT
from tests.wire.service_clients import MODELS
from tests.wire.sns_exchanges import CONVERSATIONS

MODEL = MODELS["sns"]
KEPT = "stored and returned, without effect here"

# What the model doesn't list. Source: SNS API, SetTopicAttributes and GetTopicAttributes.
TOPIC_ATTRIBUTES = """TopicArn Owner DisplayName Policy DeliveryPolicy EffectiveDeliveryPolicy
    SubscriptionsConfirmed SubscriptionsPending SubscriptionsDeleted MaximumMessageSize
    SignatureVersion TracingConfig KmsMasterKeyId FifoTopic ContentBasedDeduplication
    FifoThroughputScope ArchivePolicy BeginningArchiveTime""".split()
FEEDBACK_ATTRIBUTES = [
    f"{protocol}{name}"
    for protocol in ("HTTP", "Firehose", "Lambda", "Application", "SQS")
    for name in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
]
# Source: SNS API, SetSubscriptionAttributes and GetSubscriptionAttributes.
SUBSCRIPTION_ATTRIBUTES = """SubscriptionArn TopicArn Owner Protocol Endpoint PendingConfirmation
    ConfirmationWasAuthenticated SubscriptionPrincipal RawMessageDelivery FilterPolicy
    FilterPolicyScope RedrivePolicy DeliveryPolicy EffectiveDeliveryPolicy ReplayPolicy
    ReplayStatus""".split()
ATTRIBUTE_NOTES = {
    "Policy": "stored and returned, not enforced",
    "TracingConfig": KEPT,
    "KmsMasterKeyId": "stored and returned; encryption at rest is the disk's affair",
    "SignatureVersion": "supported; what goes into queues and to functions is signed only if it "
    "was set, HTTP deliveries always",
    "ReplayPolicy": "supported; newer messages are delivered while a replay is under way",
    **dict.fromkeys(FEEDBACK_ATTRIBUTES, KEPT),
}
# Deliveries end in queues, functions, HTTP endpoints; natively also in topics and event buses.
PROTOCOLS = {
    "sqs": SUPPORTED,
    "lambda": SUPPORTED,
    "http": SUPPORTED,
    "https": SUPPORTED,
    "email, email-json, sms, application, firehose": "refused by name",
}

ACTION_NOTES = {
    "AddPermission": "the policy is stored, not enforced",
    "RemovePermission": "the policy is stored, not enforced",
    "PutDataProtectionPolicy": "the policy is stored, without effect here",
    "DeleteTopic": "its subscriptions go with it, where SNS leaves them behind",
}
_PAGES = "supported; a page has 100, as a test of its own shows"
MEMBER_REASONS = {
    **{
        (action, side, "NextToken"): _PAGES
        for action in ("ListTopics", "ListSubscriptions", "ListSubscriptionsByTopic")
        for side in ("request", "response")
    },
    **{
        ("ListSubscriptions", "response", f"Subscriptions.{name}"): "supported; the same as of "
        "ListSubscriptionsByTopic"
        for name in ("SubscriptionArn", "Owner", "Protocol", "Endpoint", "TopicArn")
    },
    ("ListTopics", "response", "Topics.TopicArn"): "supported; a test of its own shows it",
}
_PUSH = "never answered: there is no mobile push and no text message"
_NO_LIMIT = "never answered: there is no such limit"
ERROR_REASONS = {
    "AuthorizationErrorException": "answered where a signed request is needed to unsubscribe; "
    "a test of its own shows it",
    "ConcurrentAccessException": "answered when a resource was changed at the same time",
    "EndpointDisabledException": _PUSH,
    "FilterPolicyLimitExceededException": "answered beyond 100,000 filter policies of a topic",
    "InternalErrorException": "answered to our own bugs",
    "InvalidSecurityException": "never answered: there is no authentication yet",
    "OptedOutException": _PUSH,
    "PlatformApplicationDisabledException": _PUSH,
    "ReplayLimitExceededException": _NO_LIMIT,
    "StaleTagException": "never answered: tags are changed one request after the other",
    "SubscriptionLimitExceededException": "answered beyond 100 subscriptions of a FIFO topic, or "
    "of one for long messages; a test of its own shows it",
    "TagPolicyException": "never answered: there are no tag policies",
    "ThrottledException": "answered when the store is full; SDKs retry it",
    "TopicLimitExceededException": _NO_LIMIT,
    "UserErrorException": _PUSH,
    "ValidationException": "answered to an attribute without a type; a test of its own shows it",
    "VerificationException": _PUSH,
    **{
        shape: "never answered: no key of KMS is ever used"
        for shape in MODEL.shape_names
        if shape.startswith("KMS") and MODEL.shape_for(shape).type_name == "structure"
    },
}

_INTRODUCTION = """# SNS compatibility

Every action, member, attribute and error of the service's model that concerns programs, and what
there is of it. Mobile push and text messages are not here: their actions are refused by name. This
page is generated (`make map`) from botocore's model of SNS and from conversations that the tests
hold with a running daemon, through an unmodified boto3 and as plain forms: *supported* means that
one of them has it, with the answer it must have.
"""


def _attributes(page: Page) -> dict[str, list[Row]]:
    return {
        "Protocols": [(name, "", state) for name, state in PROTOCOLS.items()],
        "Topic attributes": _rows(
            page, [*TOPIC_ATTRIBUTES, *FEEDBACK_ATTRIBUTES], "Topic", "CreateTopic"
        ),
        "Subscription attributes": _rows(
            page, SUBSCRIPTION_ATTRIBUTES, "Subscription", "Subscribe"
        ),
    }


def _rows(page: Page, names: list[str], kind: str, maker: str) -> list[Row]:
    set_, returned = set(), set()
    for exchange in page.answered():
        if exchange.action == maker:
            set_ |= exchange.request.get("Attributes", {}).keys()
        elif exchange.action == f"Set{kind}Attributes":
            set_.add(exchange.request["AttributeName"])
        elif exchange.action == f"Get{kind}Attributes":
            returned |= exchange.answer["Attributes"].keys()
    return [
        (
            name,
            "set, returned" if name in set_ else "returned",
            ATTRIBUTE_NOTES.get(name, SUPPORTED) if name in returned else NOT_TESTED,
        )
        for name in names
    ]


PAGE = Page(
    file=ROOT / "docs" / "compatibility-sns.md",
    title="SNS",
    introduction=_INTRODUCTION,
    service=sns,
    model=MODEL,
    exchanges=[exchange for each in CONVERSATIONS.values() for exchange in each],
    protocols="Query",
    refusal_code="InvalidParameter",
    attributes=_attributes,
    action_notes=ACTION_NOTES,
    member_reasons=MEMBER_REASONS,
    error_reasons=ERROR_REASONS,
)

if __name__ == "__main__":
    PAGE.file.write_text(PAGE.text())
