"""what a target gets of an event: row by row of EventBridge's rules"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import InvalidParameter
from broker.core.event_path import MISSING, InvalidEventPath, compile_path
from broker.core.input_template import TransformationFailed
from broker.core.names import Namespace
from broker.core.resources import InputTransformer, Target
from broker.core.target_input import Occasion, check_input, target_input
from broker.core.targeting import check_target

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "e-1",
    "detail-type": "sold",
    "source": "shop",
    "account": "000000000000",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": ["r-1", "r-2"],
    "detail": {
        "text": "a sofa",
        "quote": 'say "hi"\n',
        "number": 12.5,
        "yes": True,
        "nothing": None,
        "object": {"acc_id": "0a78", "sf_id": "baz"},
        "array": ["ACTIVE", "INACTIVE"],
        "lines": [{"sku": "mug"}, {"sku": "pan"}, {}],
        "a b": 1,
    },
}
PATHS = {name: f"$.detail.{name}" for name in EVENT["detail"] if " " not in name} | {
    "gone": "$.detail.gone"
}
RULE = "arn:aws:events:us-east-1:000000000000:rule/shop/big-orders"


def made(**options: Any) -> str:
    target = Target(id="t", arn="", **options)
    check_input(target)
    make = target_input(target)
    text = json.dumps(EVENT)
    return text if make is None else make(Occasion(EVENT, text, RULE, 1_767_225_600_000))


def test_a_template_may_be_a_cloud_event() -> None:
    document = json.loads(made(input_transformer=InputTransformer("<broker.cloudevent>")))
    assert (document["specversion"], document["type"]) == ("1.0", "sold")
    assert document["data"] == EVENT["detail"]


def test_a_cloud_event_in_binary_mode_stands_alone_and_is_for_http() -> None:
    template = InputTransformer('{"data": <broker.cloudevent.binary>}')
    with pytest.raises(InvalidParameter, match="stands alone"):
        check_input(Target(id="t", arn="", input_transformer=template))
    alone = InputTransformer("<broker.cloudevent.binary>")
    queue = Namespace().arn("sqs", "q")
    with pytest.raises(InvalidParameter, match="binary mode"):
        check_target(Target(id="t", arn=queue, input_transformer=alone), Namespace())


def filled(template: str) -> str:
    return made(input_transformer=InputTransformer(template, PATHS))


# A constant, and a part


def test_a_target_gets_the_event_unless_it_asks_for_something_else() -> None:
    assert target_input(Target(id="t", arn="")) is None
    assert target_input(Target(id="t", arn="", input_path="$")) is None
    assert made(input='{"fixed": 1}') == '{"fixed": 1}'


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("$.detail.object", '{"acc_id":"0a78","sf_id":"baz"}'),
        ("$.detail.array", '["ACTIVE","INACTIVE"]'),
        ("$.detail.object.sf_id", '"baz"'),
        ("$.detail.number", "12.5"),
        ("$.detail.nothing", "null"),
        ("$.detail-type", '"sold"'),
        ("$.resources[0]", '"r-1"'),
        ("$.resources[-1]", '"r-2"'),
        ("$['detail']['a b']", "1"),
        ('$["detail"].text', '"a sofa"'),
        ("$.detail.lines[*].sku", '["mug","pan"]'),
        ("$.detail.object.*", '["0a78","baz"]'),
    ],
)
def test_an_input_path_picks_a_part_as_json(path: str, part: str) -> None:
    assert made(input_path=path) == part


def test_where_an_input_path_finds_nothing_there_is_nothing_to_deliver() -> None:
    with pytest.raises(TransformationFailed):
        made(input_path="$.detail.gone")


@pytest.mark.parametrize("path", ["$.detail.array[2]", "$.detail.text[0]", "$.detail.text.more"])
def test_a_path_into_something_else_finds_nothing(path: str) -> None:
    assert compile_path(path)(EVENT) is MISSING


@pytest.mark.parametrize(
    "path",
    ["", "detail", "$detail", "$..text", "$.a[?(@.b)]", "$.a[0:2]", "$.a[0,1]", "$.", "$.a["],
)
def test_paths_that_are_not_supported_are_refused(path: str) -> None:
    with pytest.raises(InvalidEventPath):
        compile_path(path)


# Templates: JSON


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{"x": <text>}', '{"x": "a sofa"}'),
        ('{"x": <quote>}', '{"x": "say \\"hi\\"\\n"}'),
        ('{"x": <number>, "y": <yes>, "z": <nothing>}', '{"x": 12.5, "y": true, "z": null}'),
        ('{"x": <object>}', '{"x": {"acc_id":"0a78","sf_id":"baz"}}'),
        ('{"x": <array>}', '{"x": ["ACTIVE","INACTIVE"]}'),
        ('{"x": "<text>"}', '{"x": "a sofa"}'),
        ('{"x": "a/<text>/<number>"}', '{"x": "a/a sofa/12.5"}'),
        ('{"x": "\\"<text>\\""}', '{"x": "\\"a sofa\\""}'),
        ('{"x": "<quote>"}', '{"x": "say \\"hi\\"\\n"}'),
        ('{"x": <gone>, "y": "<gone>"}', '{"x": "", "y": ""}'),
        ("[<number>, <text>]", '[12.5, "a sofa"]'),
        ("<object>", '{"acc_id":"0a78","sf_id":"baz"}'),
        ('{"x": "1 < 2"}', '{"x": "1 < 2"}'),
    ],
)
def test_a_json_template_stays_json(template: str, text: str) -> None:
    assert filled(template) == text
    json.loads(text)


@pytest.mark.parametrize(
    "template",
    ['{"x": "<object>"}', '{"x": "<array>"}', "free text <text>", "<text> <text>", '{"x": <text>'],
)
def test_what_is_no_json_in_the_end_is_not_delivered(template: str) -> None:
    with pytest.raises(TransformationFailed):
        filled(template)


# Templates: strings


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('"sold <text>"', '"sold a sofa"'),
        ('"<text> for <number>: <yes>"', '"a sofa for 12.5: true"'),
        ('"<object>"', '"{acc_id:0a78,sf_id:baz}"'),
        ('"<array>"', '"[ACTIVE,INACTIVE]"'),
        ('"<gone>!"', '"!"'),
        ('"<quote>"', '"say \\"hi\\"\\n"'),
        ('"one <text>"\n"two <number>"', '"one a sofa"\n"two 12.5"'),
    ],
)
def test_a_string_template_keeps_its_quotes(template: str, text: str) -> None:
    assert filled(template) == text


# Reserved names


def test_what_is_known_without_a_path() -> None:
    assert json.loads(
        filled(
            '{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", '
            '"at": <aws.events.event.ingestion-time>, "all": <aws.events.event.json>, '
            '"head": <aws.events.event>}'
        )
    ) == {
        "arn": RULE,
        "name": "big-orders",
        "at": "2026-01-01T00:00:00.000Z",
        "all": EVENT,
        "head": {
            "version": "0",
            "id": "e-1",
            "detailType": "sold",
            "source": "shop",
            "account": "000000000000",
            "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": ["r-1", "r-2"],
        },
    }


# What is refused


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"input": "1", "input_path": "$.a"},
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
        ({"input": "no JSON"}, "Input for target t is not valid JSON."),
        ({"input": '"' + "x" * 8_191 + '"'}, "Input for target t is longer than 8192."),
        ({"input_path": "detail"}, "InputPath for target t is not valid: the JSON path 'detail' "),
        ({"input_path": "$." + "x" * 255}, "InputPath for target t is longer than 256."),
        (
            {"input_transformer": InputTransformer('{"a": <notdefinedkey>}')},
            "InputTemplate for target t contains invalid placeholder notdefinedkey.",
        ),
        (
            {"input_transformer": InputTransformer("1", {"AWSx": "$.a"})},
            "InputTransformer for target t has a path whose name is not valid: AWSx.",
        ),
        (
            {"input_transformer": InputTransformer("1", {f"x{n}": "$" for n in range(101)})},
            "InputTransformer for target t has more than 100 paths.",
        ),
        (
            {"input_transformer": InputTransformer("1" * 8_193)},
            "InputTemplate for target t is longer than allowed.",
        ),
    ],
)
def test_inputs_that_could_never_be_made_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        check_input(Target(id="t", arn="", **options))
    assert refused.value.message.startswith(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.sampled_from(['{"x": <v>}', '{"x": "<v>"}', '"<v>"', "<v>", "[<v>, <v>]"]))
def test_whatever_the_event_holds_a_template_gives_json_or_says_that_it_can_not(
    value: Any, template: str
) -> None:
    make = target_input(
        Target(id="t", arn="", input_transformer=InputTransformer(template, {"v": "$.v"}))
    )
    assert make is not None
    try:
        text = make(Occasion({"v": value}, "", RULE, 0))
    except TransformationFailed:
        return
    for line in text.split("\n") if template.startswith('"') else [text]:
        json.loads(line)
