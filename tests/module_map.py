"""draws the map of modules from their docstrings: packages in README.md, all in docs/modules.md

`python -m tests.module_map` writes both; a test holds them against the code.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- map -->\n```\n", "```\n<!-- /map -->"


def first_line(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return text.partition("\n")[0]


def packages() -> str:
    """One line for each package and each module beside it at the top."""
    rows = []
    for folder in (ROOT / "broker", *sorted((ROOT / "plugins").glob("broker_*"))):
        for path in sorted(folder.rglob("*.py")):
            place = path.relative_to(ROOT)
            is_package = path.name == "__init__.py" and len(place.parts) > 2
            if is_package or path.parent == ROOT / "broker":
                shown = f"{place.parent}/" if path.name == "__init__.py" else str(place)
                rows.append((shown, first_line(path)))
    return _aligned(sorted(rows))


def modules() -> str:
    """One line for each module."""
    paths = [*(ROOT / "broker").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    rows = [
        (str(path.relative_to(ROOT)), first_line(path))
        for path in sorted(paths)
        if path.name != "__init__.py"
    ]
    return (
        "# Modules\n\nEach line is the first of a module's docstring.\n\n```\n"
        + _aligned(rows)
        + "```\n"
    )


def _aligned(rows: list[tuple[str, str]]) -> str:
    width = max(len(shown) for shown, _ in rows)
    return "".join(f"{shown:<{width}}  {text}\n" for shown, text in rows)


def with_map(readme: str) -> str:
    """The README with its map drawn anew."""
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    return re.sub(pattern, lambda _: BEGIN + packages() + END, readme, flags=re.DOTALL)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_map(readme.read_text()))
    (ROOT / "docs" / "modules.md").write_text(modules())
