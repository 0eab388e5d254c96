"""CloudEvents and the events of a bus, each as the other: what goes there and back is the same"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.cloudevent import binary_content, cloud_event, structured_content
from broker.core.errors import InvalidParameter
from broker.core.event import Event, envelope
from broker.core.names import Namespace
from broker.edge.native.cloudevents import from_binary, from_structured

NS = Namespace()
NOW_MS = 1_767_225_600_000
PLAIN = {"specversion": "1.0", "id": "A-1", "source": "shop", "type": "sold"}
ADDED = {"awsaccount": NS.account, "awsregion": NS.region}

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
names = st.from_regex("x[a-z0-9]{1,8}", fullmatch=True)
attributes = st.dictionaries(names, st.booleans() | st.integers(-(1 << 31), 99) | words, max_size=3)
times = st.sampled_from(
    ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05+01:00"]
)
cloud_events = st.fixed_dictionaries(
    {"id": words, "source": words, "type": words, "time": times},
    optional={
        "subject": words,
        "dataschema": words,
        "datacontenttype": st.sampled_from(["application/json", "application/vnd.shop+json"]),
    },
)
data = st.one_of(
    st.builds(lambda value: {"data": value}, values),
    st.just({}),
    st.just({"data_base64": "AAEC/w=="}),
)
events = st.builds(
    Event,
    source=words,
    detail_type=words,
    detail=st.dictionaries(words, values, max_size=3),
    resources=st.lists(words, max_size=3),
    id=words,
)


def on_bus(event: Event) -> dict[str, Any]:
    assert event.id is not None
    return json.loads(json.dumps(envelope(event, event.id, NS, NOW_MS)))  # type: ignore[no-any-return]


@given(cloud_events, attributes, data)
def test_a_cloud_event_comes_back_as_it_was(
    known: dict[str, Any], extensions: dict[str, Any], of_data: dict[str, Any]
) -> None:
    document = {"specversion": "1.0", **known, **extensions, **of_data}
    back = cloud_event(on_bus(from_structured(document)))
    assert back == {"datacontenttype": "application/json", **ADDED, **document}


@given(events)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    before = on_bus(event)
    after = on_bus(from_structured(cloud_event(before)))
    assert after.pop("cloudevent") == ADDED
    assert after == before


@given(cloud_events, attributes, data)
def test_binary_mode_says_the_same(
    known: dict[str, Any], extensions: dict[str, Any], of_data: dict[str, Any]
) -> None:
    before = on_bus(from_structured({"specversion": "1.0", **known, **extensions, **of_data}))
    content = binary_content(before)
    headers = {name.lower(): value for name, value in content.headers.items()}
    assert all(0x20 < ord(char) < 0x7F for value in headers.values() for char in value)
    if "data_base64" in of_data:  # of JSON's type it would be taken for JSON
        assert content.body == b"\x00\x01\x02\xff"
        headers["content-type"] = "application/octet-stream"
    after = on_bus(from_binary(headers, content.body))
    for name in ("id", "source", "detail-type", "time", "resources", "detail"):
        assert after[name] == before[name]
    kept = {name: text(value) for name, value in before.get("cloudevent", {}).items()}
    assert after["cloudevent"] | {"datacontenttype": ""} == kept | ADDED | {"datacontenttype": ""}


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    ("content_type", "body", "detail"),
    [
        ("application/json", b'{"n":1}', {"n": 1}),
        ("application/json", b"[1]", {"data": [1]}),
        ("text/plain", "Grüße".encode(), {"data": "Grüße"}),
        ("text/plain", b"\xff", {"data_base64": "/w=="}),
        ("image/png", b"\x89PNG", {"data_base64": "iVBORw=="}),
        ("image/png", b"", {}),
    ],
)
def test_data_of_any_kind_comes_and_goes_as_bytes(
    content_type: str, body: bytes, detail: dict[str, Any]
) -> None:
    headers = {f"ce-{name}": value for name, value in PLAIN.items()}
    event = on_bus(from_binary({**headers, "content-type": content_type}, body))
    assert event["detail"] == detail
    content = binary_content(event)
    assert content.body == body
    assert content.headers["Content-Type"] == content_type


def test_structured_mode_has_its_own_media_type() -> None:
    event = on_bus(from_structured({**PLAIN, "data": {"n": 1}}))
    content = structured_content(event)
    assert content.headers == {"Content-Type": "application/cloudevents+json"}
    assert json.loads(content.body) == cloud_event(event)


def test_a_replay_says_so() -> None:
    event = on_bus(from_structured(PLAIN)) | {"replay-name": "again"}
    assert cloud_event(event)["replayname"] == "again"


@pytest.mark.parametrize(
    "wrong", [{"Name": "x"}, {"a-b": "x"}, {"n": 1.5}, {"n": 1 << 31}, {"n": {}}]
)
def test_what_cloud_events_does_not_allow_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        from_structured({**PLAIN, **wrong})
