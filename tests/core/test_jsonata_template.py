"""input templates in JSONata: what they make, and how they are held short"""

import json
from typing import Any

import pytest

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.input_template import TransformationFailed
from broker.core.jsonata_template import compile_jsonata
from broker.core.resources import InputTransformer, Target
from broker.core.target_input import Occasion, check_input, target_input

EVENT = {
    "source": "shop",
    "detail": {"lines": [{"price": 1.5, "n": 2}, {"price": 2, "n": 1}], "name": "ann"},
}


def made(expression: str) -> Any:
    target = Target(id="t", arn="", input_transformer=InputTransformer(f"{{% {expression} %}}"))
    check_input(target)
    make = target_input(target)
    assert make is not None
    return json.loads(make(Occasion(EVENT, json.dumps(EVENT), "arn", 0)))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("detail.name", "ann"),
        ("$sum(detail.lines.(price * n))", 5),
        ("{'who': $uppercase(detail.name), 'from': source}", {"who": "ANN", "from": "shop"}),
        ("detail.lines[price > 1.6].n", 1),
        ("[1..3]", [1, 2, 3]),
    ],
)
def test_what_an_expression_makes(expression: str, value: Any) -> None:
    assert made(expression) == value


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("{'a':", "not valid"),
        ("$contains(detail.name, /(a+)+$/)", "regular expressions"),
        ("$eval('1')", r"\$eval"),
        ("($f := $pad; $f('', 10))", r"\$pad"),
        ("[1..100000]", "A range"),
        ("[1..detail.n]", "A range"),
    ],
)
def test_what_could_take_long_is_refused(expression: str, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        made(expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("detail.nothing", "makes nothing"),
        ("($f := function($n){ $f($n + 1) }; $f(1))", "failed"),
        ("($f := function($n){ 1 + $f($n + 1) }; $f(1))", "failed"),
        ("$number(detail.name)", "failed"),
    ],
)
def test_an_expression_that_fails_is_no_one_else_s_affair(expression: str, text: str) -> None:
    with pytest.raises(TransformationFailed, match=text):
        made(expression)


def test_paths_are_of_no_use() -> None:
    transformer = InputTransformer("{% 1 %}", {"n": "$.detail"})
    with pytest.raises(InvalidParameter, match="no use"):
        check_input(Target(id="t", arn="", input_transformer=transformer))


def test_without_the_library_it_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jsonata", None)
    compile_jsonata.cache_clear()
    with pytest.raises(NotSupported, match="the extra `jsonata`"):
        made("detail.name")
    target = Target(id="t", arn="", input_transformer=InputTransformer("{% 1 %}"))
    make = target_input(target)
    assert make is not None
    with pytest.raises(TransformationFailed, match="isn't installed"):
        make(Occasion(EVENT, "", "arn", 0))
