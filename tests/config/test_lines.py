"""Every way of writing a key in TOML has its line found."""

from broker.config.lines import lines_of

TEXT = '''\
# a comment with [brackets] = "and more"
title = "x"   # line 2
[broker]
account = "1"
http.listen = "a"          # dotted
"region" = 'b'             # quoted
[ log ] # line 7
level="info"

[[queue]]
name = """
[[queue]]
name = "not this one"
"""
[[ queue ]]
name = '[[queue]]'
[[rule]]
name = "r" # line 18
pattern = { source = ["a", "b"],  "detail-type" = [ { prefix = "}" } ], n.m = 1 }
targets = [
  { queue = "a" },   # ]
  # between
  { queue = "b", input = {
    x = 1 } },
]
[rule.pattern2]
source = ["]", """
""", 'c']
[[rule.more]]
a = 1
[[rule.more]]
a = 2
[[rule]]
name = "s"
[[rule.more]]
a = 1979-05-27 07:32:00
b = [[1,
2], []]
"q.r" . 's' = {}
[function.environment]
"A B" = "it's \\"it\\""'''


def test_each_key_stands_where_it_was_written() -> None:
    lines = lines_of(TEXT)
    expected = {
        ("title",): 2,
        ("broker",): 3,
        ("broker", "account"): 4,
        ("broker", "http"): 5,
        ("broker", "http", "listen"): 5,
        ("broker", "region"): 6,
        ("log",): 7,
        ("log", "level"): 8,
        ("queue",): 10,
        ("queue", 0): 10,
        ("queue", 0, "name"): 11,
        ("queue", 1): 15,
        ("queue", 1, "name"): 16,
        ("rule", 0, "name"): 18,
        ("rule", 0, "pattern"): 19,
        ("rule", 0, "pattern", "source", 1): 19,
        ("rule", 0, "pattern", "detail-type", 0, "prefix"): 19,
        ("rule", 0, "pattern", "n", "m"): 19,
        ("rule", 0, "targets"): 20,
        ("rule", 0, "targets", 0, "queue"): 21,
        ("rule", 0, "targets", 1): 23,
        ("rule", 0, "targets", 1, "input", "x"): 24,
        ("rule", 0, "pattern2"): 26,
        ("rule", 0, "pattern2", "source"): 27,
        ("rule", 0, "pattern2", "source", 2): 28,
        ("rule", 0, "more", 0, "a"): 30,
        ("rule", 0, "more", 1): 31,
        ("rule", 1): 33,
        ("rule", 1, "more", 0): 35,
        ("rule", 1, "more", 0, "a"): 36,
        ("rule", 1, "more", 0, "b", 0, 1): 38,
        ("rule", 1, "more", 0, "q.r", "s"): 39,
        ("function", "environment"): 40,
        ("function", "environment", "A B"): 41,
    }
    assert {path: lines.get(path) for path in expected} == expected


def test_an_empty_text_has_no_keys() -> None:
    assert lines_of("") == lines_of("# nothing\n\n") == {}
