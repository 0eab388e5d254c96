from tests.module_map import ROOT, first_line, modules, with_map


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    paths = [*(ROOT / "broker").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    assert [str(path) for path in paths if not first_line(path)] == []


def test_the_readme_shows_the_packages_as_they_are() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme == with_map(readme), "run: make map"


def test_the_list_of_modules_is_as_they_are() -> None:
    assert (ROOT / "docs" / "modules.md").read_text() == modules(), "run: make map"
