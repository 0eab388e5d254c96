"""Messages as JSON lines: what is sent again of what was exported."""

import pytest

from broker.cli.message_lines import BadLine, decode, encode, entry
from broker.client.results import Attribute, PeekedMessage

PEEKED = PeekedMessage(
    message_id="0b1f2d5c-8a5e-4a5e-9d55-3f1a7f0c9f11",
    body="ten ducks",
    attributes={"photo": Attribute(data_type="Binary", binary_value=b"\x00\xff")},
    system_attributes={
        "SenderId": "000000000000",
        "MessageGroupId": "Berlin",
        "MessageDeduplicationId": "1001",
        "SequenceNumber": "00000000000000000042",
    },
    state="visible",
    sent_at_ms=1,
    visible_at_ms=2,
    receive_count=3,
    cursor="AAAA",
)


def test_a_message_is_sent_again_with_its_body_attributes_group_and_deduplication_id() -> None:
    assert entry(decode(encode(PEEKED))) == {
        "body": "ten ducks",
        "attributes": {"photo": Attribute(data_type="Binary", binary_value=b"\x00\xff")},
        "message_group_id": "Berlin",
        "message_deduplication_id": "1001",
    }


def test_a_line_written_by_hand_may_say_the_same_plainly() -> None:
    line = b'{"body": "a", "message_group_id": "Berlin", "delay_s": 5}'

    assert entry(decode(line)) == {"body": "a", "message_group_id": "Berlin", "delay_s": 5}


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"null", b"\xff", b'{"body": "\xff"}', b"[" * 100_000, b'{"body": 1}']
)
def test_what_is_no_message_is_a_bad_line(line: bytes) -> None:
    with pytest.raises(BadLine):
        decode(line)
