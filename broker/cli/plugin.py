"""`broker plugin`: what is installed, whether it does what it must, and how to begin a new one"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from broker.cli.connection import EXIT_REFUSED, connected, json_option, url_option
from broker.cli.output import print_json, print_table

if TYPE_CHECKING:
    from broker.runtime.plugins import Plugin

TEMPLATE = Path(__file__).with_name("plugin_template")
SUFFIX = ".txt"  # of a template's files, so that no tool takes them for code
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@click.group()
def plugin() -> None:
    """Invokers: those that are installed, and new ones."""


@plugin.command("list")
@click.option("--running", is_flag=True, help="Ask a running broker how its plugins are.")
@url_option
@json_option
def list_(running: bool, url: str | None, as_json: bool) -> None:
    """Print the invokers that are installed here, with the settings that functions give them."""
    if running:
        with connected(url) as client:
            found = client.plugins()
        if as_json:
            print_json({"plugins": found})
        else:
            rows = [(each.name, each.state, each.problem) for each in found]
            print_table(("invoker", "state", "problem"), rows)
        return
    # Imported late: plugins bring much with them.
    from broker.runtime.plugins import find_plugins

    plugins = find_plugins()
    if as_json:
        print_json({"plugins": [_document(each) for each in plugins]})
        return
    print_table(
        ("invoker", "package", "version", "class", "capabilities", "problem"),
        [
            (p.name, p.package, p.version, p.value, ", ".join(_capabilities(p)), p.problem)
            for p in plugins
        ],
    )
    for each in plugins:
        settings = list(_settings(each))
        if settings:
            click.echo(f"\nsettings of {each.name}:")
            for name, kind, about in settings:
                click.echo(f"  {name:<16} {kind:<28} {about}".rstrip())


@plugin.command()
@click.argument("name")
@click.option("--echo", metavar="JSON", help="Settings of a function that answers its event.")
@click.option("--failing", metavar="JSON", help="Settings of one that fails.")
@click.option("--hanging", metavar="JSON", help="Settings of one that never ends.")
@click.option("--refused", metavar="KEY=JSON", multiple=True, help="Settings wrong in KEY.")
def check(
    name: str, echo: str | None, failing: str | None, hanging: str | None, refused: tuple[str, ...]
) -> None:
    """Say whether the installed invoker NAME does what the plugin API asks.

    Without options only what can be seen from outside: that it loads, refuses a setting it can't
    know, starts and stops. With settings for three functions and one that is wrong it is run: its
    answers, cancellation, invocations at one time, failures, and what it leaves behind.
    """
    import trio

    from broker.runtime.plugins import find_plugins
    from broker.testing.invokers import ConformanceError, check_invoker, check_outside

    found = {each.name: each for each in find_plugins()}
    if name not in found:
        raise click.UsageError(f"there is no invoker {name}; installed: {', '.join(found)}")
    if found[name].problem:
        click.echo(f"broker: {found[name].problem}", err=True)
        sys.exit(EXIT_REFUSED)
    given = {"--echo": echo, "--failing": failing, "--hanging": hanging}
    missing = [option for option, text in given.items() if text is None]
    if missing and (len(missing) < 3 or refused):
        raise click.UsageError(f"to run it, all are needed: {', '.join(missing)} is missing")
    wrong = dict(_refused(each) for each in refused)
    if not missing and not wrong:
        raise click.UsageError("to run it, --refused is needed, too")

    async def run() -> None:
        await check_outside(found[name].invoker)
        if not missing:
            settings = {option[2:]: _settings_of(option, text) for option, text in given.items()}
            await check_invoker(found[name].invoker, refused=wrong, **settings)

    try:
        trio.run(run)
    except ConformanceError as error:
        click.echo(f"broker: the invoker {name} breaks its contract: {error}", err=True)
        sys.exit(EXIT_REFUSED)
    click.echo(f"{name} {'loads, starts and stops' if missing else 'does what it must'}")


@plugin.command()
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where to; a new directory broker-NAME by default.",
)
def new(name: str, directory: Path | None) -> None:
    """Write a package for the invoker NAME, with a test that passes."""
    if not NAME.fullmatch(name):
        raise click.UsageError("NAME: small letters, digits and hyphens, a letter first")
    target = directory or Path(f"broker-{name}")
    if target.exists() and any(target.iterdir()):
        raise click.UsageError(f"{target} is there already, and not empty")
    module = name.replace("-", "_")
    for source in sorted(TEMPLATE.rglob(f"*{SUFFIX}")):
        path = str(source.relative_to(TEMPLATE)).removesuffix(SUFFIX).replace("NAME", module)
        text = source.read_text()
        text = text.replace("NAMESettings", f"{module.title().replace('_', '')}Settings")
        text = text.replace("MODULE", module).replace("NAME", name)
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    click.echo(f"written to {target}; next: its README.md")


def _capabilities(plugin: "Plugin") -> list[str]:
    from broker.runtime.plugins import capabilities_of

    return sorted(capabilities_of(plugin.invoker))


def _settings(plugin: "Plugin") -> Iterator[tuple[str, str, str]]:
    """Name, type and default, and what is said of each."""
    kind = getattr(plugin.invoker, "settings_type", None)
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return
    schema = msgspec.json.schema(kind)
    definition = schema["$defs"][kind.__name__] if "$defs" in schema else schema
    required = definition.get("required", [])
    for name, about in definition.get("properties", {}).items():
        options = about.get("enum") or [each.get("type") for each in about.get("anyOf", [about])]
        text = "|".join(str(option) for option in options if option not in (None, "null"))
        if name in required:
            text += ", required"
        elif about.get("default") not in (None, [], {}):
            text += f" = {msgspec.json.encode(about['default']).decode()}"
        yield name, text, about.get("description", "")


def _document(plugin: "Plugin") -> dict[str, Any]:
    settings = [
        dict(zip(("name", "type", "about"), each, strict=True)) for each in _settings(plugin)
    ]
    return {
        "name": plugin.name,
        "package": plugin.package,
        "version": plugin.version,
        "class": plugin.value,
        "capabilities": _capabilities(plugin),
        "problem": plugin.problem,
        "settings": settings,
    }


def _refused(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError("--refused: KEY=JSON")
    return key, _settings_of("--refused", value)


def _settings_of(option: str, text: str | None) -> Any:
    try:
        settings = msgspec.json.decode(text or "")
    except msgspec.DecodeError as error:
        raise click.UsageError(f"{option} must be JSON: {error}") from None
    if not isinstance(settings, dict):
        raise click.UsageError(f"{option} must be a JSON object")
    return settings
