"""a bus's rules that are taken in bit by bit match as if they had been there from the start"""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker.core.rule_net import RuleNet

NAMES = st.sampled_from("abcd")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, st.integers(0, 2), st.booleans()),
        st.tuples(st.just("remove"), NAMES),
        st.tuples(st.just("take_in"), st.integers(1, 3)),
    ),
    max_size=12,
)


@given(STEPS, st.integers(0, 2))
def test_it_matches_as_its_rules_do(steps: list[Any], value: int) -> None:
    net, rules = RuleNet(), {}
    for step in steps:
        match step:
            case "put", name, wanted, later:
                net.put(name, json.dumps({"n": [wanted]}), later=later)
                rules[name] = wanted
            case "remove", name:
                net.remove(name)
                rules.pop(name, None)
            case "take_in", count:
                before = net.waiting
                net.take_in(count)
                assert net.waiting == max(before - count, 0)
    matched = net.matching({"n": value})
    assert sorted(matched) == sorted(name for name, wanted in rules.items() if wanted == value)
    assert net.waiting == 0
