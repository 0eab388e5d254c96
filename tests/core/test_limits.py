"""each limit has one value"""

import ast
import inspect
from collections import Counter

from broker.core import limits


def test_no_name_is_given_twice() -> None:
    tree = ast.parse(inspect.getsource(limits))
    names = Counter(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    assert [name for name, count in names.items() if count > 1] == []
