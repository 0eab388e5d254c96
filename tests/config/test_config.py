"""What the file may say, and how a mistake in it is pointed at."""

from pathlib import Path

import msgspec
import pytest

from broker.config import Config, ConfigError, data_directory, listen_address, load_config
from broker.config.declared import declared_resources
from broker.core.names import Namespace
from broker.core.resources import (
    AnyResource,
    BatchSource,
    EventBus,
    EventInvokeConfig,
    EventSourceMapping,
    Function,
    InputTransformer,
    Queue,
    Rule,
    Subscription,
    Target,
    Topic,
)

NAMESPACE = Namespace("000000000000", "us-east-1")


def read(folder: Path, text: str) -> tuple[Config, list[AnyResource]]:
    file = folder / "broker.toml"
    file.write_text(text)
    config = load_config(file)
    return config, declared_resources(config, NAMESPACE, file)


def mistake(folder: Path, text: str) -> str:
    """What is said of a mistake, from the line on."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    start = f"{folder / 'broker.toml'}:"
    assert str(caught.value).startswith(start)
    return str(caught.value).removeprefix(start)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == (load_config(None), []) == (Config(), [])


EVERYTHING = """
[broker]
data_dir = "data"
account = "123456789012"
region = "eu-central-1"
shutdown_grace_s = 1.5
[http]
listen = "127.0.0.1:1"
allowed_origins = ["https://app.example", "http://localhost:3000"]
allowed_hosts = ["broker.lan"]
connections_max = 10
public_url = "https://broker.example"
[store]
quota_mb = 100
[queues]
delay_s_max = 86400
deleted_name_blocked_s = 0
[rules]
targets_max = 8
target_concurrency = 2
log_file_mb = 1
log_files_kept = 0
[ledger]
days = 1.5
events_max = 10
[schedules]
missed = "skip"
[functions]
allow_upload = true
upload_settings = { idle_s = 9 }
log_mb = 11
prices = { date = "2027-01-01" }
concurrency = 5
[deliveries]
concurrency = 3
backlog_max = 1000
pause_after_s = 600
age_s_max = 86400
allowed_networks = ["10.0.0.0/8"]
trusted_accounts = ["123456789012"]
ca_file = "ca.pem"
[log]
level = "debug"
format = "json"
[[queue]]
name = "dead"
[[queue]]
name = "orders"
delay_s = 1
maximum_message_size = 2048
retention_s = 60
receive_wait_time_s = 2
visibility_timeout_s = 3
dead_letter_queue = "dead"
max_receive_count = 4
[[queue]]
name = "payments.fifo"
content_based_deduplication = true
deduplication_scope = "messageGroup"
fifo_throughput_limit = "perMessageGroupId"
[[topic]]
name = "news"
display_name = "News"
maximum_message_size = 1024
signature_version = "2"
delivery_policy = { http = { defaultRequestPolicy = { headerContentType = "application/json" } } }
[[topic]]
name = "all"
[[topic]]
name = "steps.fifo"
content_based_deduplication = true
fifo_throughput_scope = "MessageGroup"
archive_retention_days = 30
[[event_bus]]
name = "shop"
description = "what the shop tells"
dead_letter_queue = "dead"
keep_unmatched = true
[[function]]
name = "f"
invoker = "subprocess"
settings = { command = ["cat"], cwd = "code" }
handler = "h"
timeout_s = 0.5
memory_mb = 256
environment = { A = "b" }
description = "d"
reserved_concurrency = 0
retry_attempts = 1
retry_delays_s = [1, 2.5]
maximum_event_age_s = 60
dead_letter_queue = "dead"
on_success = { topic = "news" }
on_failure = { queue = "dead" }
[[subscription]]
topic = "news"
queue = "orders"
raw_message_delivery = true
[[subscription]]
topic = "news"
function = "f"
[[subscription]]
topic = "news"
url = "https://hooks.example/news"
raw_message_delivery = true
filter_policy = { order = { total = [{ numeric = [">", 100] }] } }
filter_policy_scope = "MessageBody"
dead_letter_queue = "dead"
delivery_policy = { throttlePolicy = { maxReceivesPerSecond = 5 } }
webhook_secret_file = "hook.secret"
[[subscription]]
topic = "news"
to_topic = "all"
filter_policy = '{"kind":["order"]}'
[[subscription]]
topic = "news"
to_event_bus = "shop"
[[subscription]]
topic = "steps.fifo"
queue = "payments.fifo"
[[rule]]
name = "r"
event_bus = "shop"
enabled = false
description = "d"
pattern = { source = ["shop"] }
targets = [
  { queue = "orders", input = { a = 1 } },
  { topic = "news", input_path = "$.detail", events_per_second = 0.5 },
  { function = "f", dead_letter_queue = "dead" },
  { queue = "payments.fifo", message_group_id = "g" },
  { event_bus = "default" },
  { log_group = "/shop", concurrency = 1 },
  { api_destination = "crm", retry_attempts = 3, maximum_event_age_s = 600 },
  { queue = "orders", input_template = '{"n": <n>}', input_paths = { n = "$.detail.n" } },
]
[[rule]]
name = "r"
pattern = '{"source": ["as text"]}'
[[event_source_mapping]]
queue = "orders"
function = "f"
batch_size = 100
window_s = 5
filters = [{ body = { total = [1] } }, '{"body": ["x"]}']
maximum_concurrency = 2
report_batch_item_failures = true
enabled = false
"""


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_every_key_is_taken_in(tmp_path: Path) -> None:
    (tmp_path / "hook.secret").write_text(f"{SECRET}\n")
    config, resources = read(tmp_path, EVERYTHING)
    told = msgspec.to_builtins(config)
    plain = msgspec.to_builtins(Config())
    tables = ("broker", "http", "store", "queues", "rules", "ledger", "schedules", "functions")
    for table in (*tables, "deliveries", "log"):
        assert told[table].keys() == plain[table].keys()
        for key in plain[table]:
            assert told[table][key] != plain[table][key], f"{table}.{key} isn't tried here"
    assert len(resources) == 18
    assert all(resource.declared for resource in resources)
    by_kind = {(type(resource), resource.name): resource for resource in resources}
    told = by_kind[EventInvokeConfig, "f"]
    assert isinstance(told, EventInvokeConfig)
    assert told.on_success == "arn:aws:sns:us-east-1:000000000000:news"
    assert told.on_failure == "arn:aws:sqs:us-east-1:000000000000:dead"
    orders = by_kind[Queue, "orders"]
    assert isinstance(orders, Queue)
    assert orders.redrive_policy is not None
    assert orders.redrive_policy.dead_letter_target_arn == NAMESPACE.arn("sqs", "dead")
    assert by_kind[Queue, "payments.fifo"] == Queue(
        name="payments.fifo",
        fifo=True,
        content_based_deduplication=True,
        deduplication_scope="messageGroup",
        fifo_throughput_limit="perMessageGroupId",
        declared=True,
    )
    assert by_kind[EventBus, "shop"] == EventBus(
        name="shop",
        description="what the shop tells",
        dead_letter_target_arn=NAMESPACE.arn("sqs", "dead"),
        keeps_unmatched=True,
        declared=True,
    )
    function = by_kind[Function, "f"]
    assert isinstance(function, Function)
    assert function.settings == {"command": ["cat"], "cwd": str(tmp_path / "code")}
    assert function.retry_delays_s == (1.0, 2.5)
    rule = by_kind[Rule, "shop|r"]
    assert isinstance(rule, Rule)
    assert rule.targets == (
        Target(id="1", arn=NAMESPACE.arn("sqs", "orders"), input='{"a": 1}'),
        Target(
            id="2",
            arn=NAMESPACE.arn("sns", "news"),
            input_path="$.detail",
            events_per_second=0.5,
        ),
        Target(
            id="3",
            arn=NAMESPACE.arn("lambda", "function:f"),
            dead_letter_target_arn=NAMESPACE.arn("sqs", "dead"),
        ),
        Target(id="4", arn=NAMESPACE.arn("sqs", "payments.fifo"), message_group_id="g"),
        Target(id="5", arn=NAMESPACE.arn("events", "event-bus/default")),
        Target(id="6", arn=NAMESPACE.arn("logs", "log-group:/shop"), concurrency=1),
        Target(
            id="7",
            arn=NAMESPACE.arn("events", "api-destination/crm"),
            retry_attempts=3,
            maximum_event_age_s=600,
        ),
        Target(
            id="8",
            arn=NAMESPACE.arn("sqs", "orders"),
            input_transformer=InputTransformer('{"n": <n>}', {"n": "$.detail.n"}),
        ),
    )
    (mapping,) = (each for each in resources if isinstance(each, EventSourceMapping))
    assert mapping == EventSourceMapping(
        name=mapping.name,
        source=BatchSource(
            arn=NAMESPACE.arn("sqs", "orders"),
            batch_size=100,
            window_s=5,
            filters=('{"body": {"total": [1]}}', '{"body": ["x"]}'),
        ),
        function="f",
        enabled=False,
        maximum_concurrency=2,
        reports_failures=True,
        declared=True,
    )
    endpoints = {each.endpoint for each in resources if isinstance(each, Subscription)}
    assert endpoints == {
        NAMESPACE.arn("sqs", "orders"),
        NAMESPACE.arn("sqs", "payments.fifo"),
        NAMESPACE.arn("lambda", "function:f"),
        NAMESPACE.arn("sns", "all"),
        NAMESPACE.arn("events", "event-bus/shop"),
        "https://hooks.example/news",
    }
    (hook,) = (r for r in resources if isinstance(r, Subscription) and r.protocol == "https")
    assert (hook.status, hook.webhook_secrets) == ("confirmed", (SECRET,))
    assert hook.filter_policy == '{"order": {"total": [{"numeric": [">", 100]}]}}'
    steps = by_kind[Topic, "steps.fifo"]
    assert isinstance(steps, Topic)
    assert (steps.fifo, steps.archive_retention_days) == (True, 30)


def test_the_same_subscription_has_the_same_name_at_every_start(tmp_path: Path) -> None:
    (tmp_path / "hook.secret").write_text(SECRET)
    assert read(tmp_path, EVERYTHING) == read(tmp_path, EVERYTHING)


FUNCTION = "[[function]]\nname = 'f'\ninvoker = 'subprocess'\n"
QUEUE = '[[queue]]\nname = "q"\n'
TOPIC = '[[topic]]\nname = "t"\n'
FIFO = '[[queue]]\nname = "q.fifo"\n'
RULE = QUEUE + '[[rule]]\nname = "r"\n'  # its keys begin on line 5

MISTAKES = {
    # Syntax
    "a broken line": ("[broker]\nregion =\n", "2: file: Invalid value"),
    "a file that breaks off": ('[broker]\nregion = "x', "2: file: "),
    "a key twice": ('[log]\nlevel = "info"\nlevel = "info"\n', "3: file: Cannot overwrite"),
    # Unknown keys and tables
    "an unknown table": ("# c\n[brokr]\n", "2: brokr: "),
    "an unknown key": ('[http]\nlisten = "a"\n\nlisen = "b"\n', "4: http.lisen: "),
    "an unknown dotted key": ('log.level = "info"\nlog.colour = 1\n', "2: log.colour: "),
    "an unknown quoted key": ('[log]\n"a key" = 1\n', '2: log."a key": '),
    "an unknown key of the second queue": (
        QUEUE + QUEUE.replace('"q"', '"p"') + "lifo = true\n",
        "5: queue[1].lifo: ",
    ),
    "an unknown key in an inline table": (
        RULE + "pattern = {}\ntargets = [\n  { queue = 'q' },\n  { que = 'q' },\n]\n",
        "8: rule[0].targets[1].que: ",
    ),
    "an unknown key in a sub-table": (
        RULE + "pattern.source = ['a']\n[[rule.targets]]\nqueue = 'q'\n[[rule.targets]]\nx = 1\n",
        "9: rule[0].targets[1].x: ",
    ),
    # Types and ranges
    "a number for a text": ("[broker]\nregion = 1\n", "2: broker.region: Expected `str`"),
    "a text for a number": (QUEUE + 'delay_s = "1"\n', "3: queue[0].delay_s: Expected `int`"),
    "a number for a truth": (
        '[[rule]]\nname = "r"\npattern = {}\nenabled = 1\n',
        "4: rule[0].enabled: ",
    ),
    "a fraction for a number": (QUEUE + "delay_s = 0.5\n", "3: queue[0].delay_s: "),
    "a table for a list": ("[queue]\nname = 'q'\n", "1: queue: Expected `array`"),
    "a list for a table": ("[[broker]]\n", "1: broker: Expected `object`"),
    "a number in a list of texts": (
        "[http]\nallowed_hosts = [\n 'a',\n 1,\n]\n",
        "4: http.allowed_hosts[1]: Expected `str`",
    ),
    "a number in an environment": (
        "[[function]]\nname = 'f'\ninvoker = 'http'\n[function.environment]\nA = 'a'\nB = 1\n",
        "6: function[0].environment.B: Expected `str`",
    ),
    "too small": (QUEUE + "retention_s = 59\n", "3: queue[0].retention_s: Expected `int` >= 60"),
    "too large": (QUEUE + "delay_s = 901\n", "3: queue[0].delay_s: Expected `int` <= 900"),
    "no choice": ('[log]\nlevel = "loud"\n', "2: log.level: Invalid enum value 'loud'"),
    "a negative grace": ("[broker]\nshutdown_grace_s = -1\n", "2: broker.shutdown_grace_s: "),
    "no connections": ("[http]\nconnections_max = 0\n", "2: http.connections_max: "),
    "a quota of nothing": ("[store]\nquota_mb = 0\n", "2: store.quota_mb: "),
    "a longest delay that is shorter than SQS's": (
        "[queues]\ndelay_s_max = 899\n",
        "2: queues.delay_s_max: Expected `int` >= 900",
    ),
    "a longest delay of more than 400 days": (
        "[queues]\ndelay_s_max = 34560001\n",
        "2: queues.delay_s_max: Expected `int` <= 34560000",
    ),
    "a name that is blocked for less than no time": (
        "[queues]\ndeleted_name_blocked_s = -1\n",
        "2: queues.deleted_name_blocked_s: ",
    ),
    "no scope": (
        FIFO + 'deduplication_scope = "group"\n',
        "3: queue[0].deduplication_scope: Invalid enum value 'group'",
    ),
    # FIFO and dead-letter queues
    "a setting of FIFO queues on a standard one": (
        QUEUE + "content_based_deduplication = true\n",
        "3: queue[0].content_based_deduplication: content_based_deduplication is for FIFO queues",
    ),
    "throughput by group with one scope for all": (
        FIFO + 'fifo_throughput_limit = "perMessageGroupId"\n',
        "3: queue[0].fifo_throughput_limit: ",
    ),
    "dead letters of another type": (
        QUEUE + 'dead_letter_queue = "q.fifo"\nmax_receive_count = 1\n' + FIFO,
        "3: queue[0].dead_letter_queue: Dead-letter queue must be same type",
    ),
    "a queue's own dead letters": (
        QUEUE + 'dead_letter_queue = "q"\nmax_receive_count = 1\n',
        "3: queue[0].dead_letter_queue: A queue can't be its own dead-letter queue.",
    ),
    "dead letters in a circle": (
        QUEUE
        + 'dead_letter_queue = "p"\nmax_receive_count = 1\n'
        + '[[queue]]\nname = "p"\ndead_letter_queue = "q"\nmax_receive_count = 1\n',
        "3: queue[0].dead_letter_queue: Dead-letter queues can't form a circle: q -> p -> q.",
    ),
    "a subscription of a FIFO queue": (
        FIFO + '[[topic]]\nname = "t"\n[[subscription]]\ntopic = "t"\nqueue = "q.fifo"\n',
        "7: subscription[0].queue: q.fifo is a FIFO queue",
    ),
    "a subscription of nothing": (
        TOPIC + "[[subscription]]\ntopic = 't'\n",
        "3: subscription[0]: a subscription has exactly one of queue, function, url, to_topic",
    ),
    "a subscription of two": (
        TOPIC + "[[subscription]]\ntopic = 't'\nto_topic = 't'\nto_event_bus = 'default'\n",
        "3: subscription[0]: a subscription has exactly one of ",
    ),
    "a subscription of a topic that isn't there": (
        "[[subscription]]\ntopic = 't'\nto_event_bus = 'default'\n",
        "2: subscription[0].topic: t is not declared in this file",
    ),
    "a filter policy that SNS refuses": (
        TOPIC + "[[subscription]]\ntopic = 't'\nurl = 'http://a/'\nfilter_policy = { a = 1 }\n",
        '6: subscription[0].filter_policy: "a" must be an object or an array',
    ),
    "a delivery policy that SNS refuses": (
        TOPIC + "delivery_policy = { http = { colour = 1 } }\n",
        "3: topic[0].delivery_policy: ",
    ),
    "a URL of another scheme": (
        TOPIC + "[[subscription]]\ntopic = 't'\nurl = 'ftp://a/'\n",
        "5: subscription[0].url: ",
    ),
    "a secret that isn't there": (
        TOPIC + "[[subscription]]\ntopic = 't'\nurl = 'http://a/'\nwebhook_secret_file = 'x'\n",
        "6: subscription[0].webhook_secret_file: ",
    ),
    "a destination that is two": (
        QUEUE + FUNCTION + 'on_success = { queue = "q", event_bus = "default" }\n',
        "6: function[0].on_success: a destination has exactly one of queue, topic, function and",
    ),
    "a destination that isn't there": (
        FUNCTION + 'on_failure = { topic = "t" }\n',
        "4: function[0].on_failure.topic: t is not declared in this file",
    ),
    "a FIFO queue as destination": (
        FIFO + FUNCTION + 'on_failure = { queue = "q.fifo" }\n',
        "6: function[0].on_failure: a FIFO queue or topic can't be a destination",
    ),
    "a function's own destination": (
        FUNCTION + 'on_success = { function = "f" }\n',
        "4: function[0].on_success: a function can't be a destination of its own",
    ),
    "an archive of a standard topic": (
        TOPIC + "archive_retention_days = 1\n",
        "3: topic[0].archive_retention_days: it is for FIFO topics",
    ),
    "no concurrency": ("[functions]\nconcurrency = 0\n", "2: functions.concurrency: "),
    "a short account": ('[broker]\naccount = "1"\n', "2: broker.account: "),
    "no region": ('[broker]\nregion = "not here"\n', "2: broker.region: "),
    "an origin with a path": (
        '[http]\nallowed_origins = ["https://a.example/b"]\n',
        "2: http.allowed_origins[0]: ",
    ),
    "any origin": ('[http]\nallowed_origins = ["*"]\n', "2: http.allowed_origins[0]: "),
    "the null origin": ('[http]\nallowed_origins = ["null"]\n', "2: http.allowed_origins[0]: "),
    "a host that is a URL": (
        '[http]\nallowed_hosts = ["http://a"]\n',
        "2: http.allowed_hosts[0]: ",
    ),
    # What is missing
    "a queue without name": (QUEUE + "[[queue]]\ndelay_s = 1\n", "3: queue[1]: "),
    "a rule without pattern": (RULE, "3: rule[0]: "),
    "a function without invoker": ("[[function]]\nname = 'f'\n", "1: function[0]: "),
    # Names
    "a bad name": ('[[queue]]\nname = "a b"\n', "2: queue[0].name: 'a b' doesn't match"),
    "an empty name": ('[[topic]]\nname = ""\n', "2: topic[0].name: "),
    "a name with a line break": ('[[queue]]\nname = "a\\n"\n', "2: queue[0].name: "),
    "a queue twice": (QUEUE + QUEUE, "4: queue[1].name: the same is declared in queue[0]"),
    "a rule twice on a bus": (
        QUEUE + 2 * '[[rule]]\nname = "r"\npattern = {source=["a"]}\n',
        "7: rule[1].name: ",
    ),
    "a subscription twice": (
        QUEUE + '[[topic]]\nname = "t"\n' + 2 * '[[subscription]]\ntopic = "t"\nqueue = "q"\n',
        "8: subscription[1]: ",
    ),
    # References
    "an undeclared dead-letter queue": (
        QUEUE + 'max_receive_count = 1\ndead_letter_queue = "x"\n',
        "4: queue[0].dead_letter_queue: x is not declared in this file",
    ),
    "an undeclared topic": (
        QUEUE + '[[subscription]]\ntopic = "x"\nqueue = "q"\n',
        "4: subscription[0].topic: x is not",
    ),
    "an undeclared bus": (
        RULE + 'event_bus = "x"\npattern = {source = ["a"]}\n',
        "5: rule[0].event_bus: x is not",
    ),
    "an undeclared target": (
        RULE + 'pattern = {source = ["a"]}\ntargets = [\n{queue = "q"},\n{topic = "x"}]\n',
        "8: rule[0].targets[1].topic: x is not",
    ),
    # Tables that make no sense
    "a count without queue": (QUEUE + "max_receive_count = 1\n", "3: queue[0].max_receive_count: "),
    "a queue without count": (
        QUEUE + 'dead_letter_queue = "q"\n',
        "3: queue[0].dead_letter_queue: max_receive_count must be given",
    ),
    "a subscription to nothing": (
        '[[topic]]\nname = "t"\n[[subscription]]\ntopic = "t"\n',
        "3: subscription[0]: ",
    ),
    "a target of two": (
        RULE + 'pattern = {source=["a"]}\n[[rule.targets]]\nqueue = "q"\ntopic = "t"\n',
        "6: rule[0].targets[0]: a target has exactly one",
    ),
    "a queue that is tried again": (
        RULE + 'pattern = {source=["a"]}\n[[rule.targets]]\nqueue = "q"\nretry_attempts = 3\n',
        "8: rule[0].targets[0].retry_attempts: only an api_destination or a log_group has it",
    ),
    "a target that is sent none at a time": (
        RULE + 'pattern = {source=["a"]}\n[[rule.targets]]\nlog_group = "g"\nconcurrency = 0\n',
        "8: rule[0].targets[0].concurrency: ",
    ),
    "too many targets": (
        RULE + 'pattern = {source=["a"]}\n' + 6 * '[[rule.targets]]\nqueue = "q"\n',
        "16: rule[0].targets[5]: a rule may have at most 5 targets",
    ),
    "a FIFO queue without a group": (
        '[[queue]]\nname = "q.fifo"\n'
        + RULE
        + 'pattern = {source=["a"]}\n[[rule.targets]]\nqueue = "q.fifo"\n',
        "8: rule[0].targets[0]: Parameter(s) SqsParameters must be specified",
    ),
    "two inputs": (
        RULE
        + 'pattern = {source=["a"]}\n[[rule.targets]]\nqueue = "q"\ninput = 1\ninput_path = "$"\n',
        "6: rule[0].targets[0]: Only one of Input",
    ),
    "paths without a template": (
        RULE + 'pattern = {source=["a"]}\ntargets = [{queue = "q", input_paths = {a = "$"}}]\n',
        "6: rule[0].targets[0].input_paths: ",
    ),
    "an undeclared mapped queue": (
        '[[function]]\nname = "f"\ninvoker = "http"\n'
        '[[event_source_mapping]]\nqueue = "x"\nfunction = "f"\n',
        "5: event_source_mapping[0].queue: x is not",
    ),
    "a large batch without a window": (
        QUEUE
        + '[[function]]\nname = "f"\ninvoker = "http"\n'
        + '[[event_source_mapping]]\nqueue = "q"\nfunction = "f"\nbatch_size = 11\n',
        "6: event_source_mapping[0]: Maximum batch window in seconds",
    ),
    "a function that takes longer than its queue hides": (
        QUEUE
        + '[[function]]\nname = "f"\ninvoker = "http"\ntimeout_s = 60\n'
        + '[[event_source_mapping]]\nqueue = "q"\nfunction = "f"\n',
        "7: event_source_mapping[0]: the queue's visibility_timeout_s (30) is less",
    ),
    "a bad pattern": (RULE + 'pattern = {source = "a"}\n', "5: rule[0].pattern: "),
    "a bad pattern as text": (RULE + 'pattern = "{"\n', "5: rule[0].pattern: "),
    "a pattern that is too complex": (
        RULE + 'pattern = {a = [{wildcard = "*a*a*a*a*a*a*"}]}\n',
        "5: rule[0].pattern: ",
    ),
    "a bad pattern in sub-tables": (
        RULE + '[rule.pattern]\nsource = ["a"]\n[rule.pattern.detail]\nx = [{ prefx = "a" }]\n',
        "5: rule[0].pattern: ",
    ),
    "a date in a pattern": (RULE + "pattern = {time = [1979-05-27]}\n", "5: rule[0].pattern: "),
    "no number as input": (
        RULE + 'pattern = {source=["a"]}\ntargets = [{queue = "q", input = nan}]\n',
        "6: rule[0].targets[0].input: ",
    ),
    "a date in settings": (
        '[[function]]\nname = "f"\ninvoker = "http"\nsettings.at = 1979-05-27\n',
        "4: function[0].settings: this can't be said in JSON",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_named_with_line_and_key(kind: str, tmp_path: Path) -> None:
    text, expected = MISTAKES[kind]
    assert mistake(tmp_path, text).startswith(expected)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broker.toml"
    file.write_bytes(b'[broker]\nregion = "\xff"\n')
    with pytest.raises(ConfigError, match="toml:2: file: this is not UTF-8"):
        load_config(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match=str(path)):
            load_config(path)


# Where the data lies, and where to listen


def test_the_data_directory_is_the_most_specific_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "broker.toml"
    config, _ = read(tmp_path, '[broker]\ndata_dir = "in-file"\n')
    monkeypatch.setenv("XDG_DATA_HOME", "/xdg")
    monkeypatch.delenv("BROKER_DATA_DIR", raising=False)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert data_directory(Config(), None, None) == Path("/xdg/event-broker")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
    assert data_directory(Config(), file, None) == Path("/var/lib/a")
    assert data_directory(config, file, None) == tmp_path / "in-file"
    monkeypatch.setenv("BROKER_DATA_DIR", "/environment")
    assert data_directory(config, file, None) == Path("/environment")
    assert data_directory(config, file, "/option") == Path("/option")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4566", ("127.0.0.1", 4566)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:80", ("localhost", 80)),
        (":80", ("127.0.0.1", 80)),
    ],
)
def test_an_address_has_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert listen_address(Config(), text) == address


@pytest.mark.parametrize("text", ["127.0.0.1", "a:b", "a:65536", "a:-1", "a:²", "a:", "::1"])
def test_anything_else_is_no_address(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"write it as 127\.0\.0\.1:4566"):
        listen_address(Config(), text)
