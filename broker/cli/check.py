"""`broker check`: say what is wrong with a configuration before a daemon has to"""

import sys
from collections import Counter
from pathlib import Path

import click

from broker.cli.connection import json_option
from broker.cli.output import print_json
from broker.config import Config, ConfigError, listen_address, load_config
from broker.config.declared import declared_resources
from broker.config.deliveries import delivery_ca_file, delivery_networks
from broker.config.errors import line_of, spelled
from broker.config.lines import Path as Place
from broker.core.errors import InvalidParameter
from broker.core.names import Namespace
from broker.core.resources import KINDS, AnyResource, Function

EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h, as the daemon exits


@click.command()
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path), envvar="BROKER_CONFIG")
@json_option
def check(config: Path, as_json: bool) -> None:
    """Check a configuration file without starting anything.

    Looks at its keys, values and references, and asks the invokers about functions' settings.
    """
    try:
        resources = _checked(config)
    except ConfigError as error:
        if as_json:
            print_json({"ok": False, "problem": str(error)})
        else:
            click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    counts = Counter(KINDS[type(resource)] for resource in resources)
    if as_json:
        print_json({"ok": True, "resources": dict(counts)})
        return
    declared = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    click.echo(f"{config}: good; declares {declared or 'nothing'}")


def _checked(path: Path) -> list[AnyResource]:
    """What the file declares. Raises: ConfigError."""
    config = load_config(path)
    namespace = Namespace(config.broker.account, config.broker.region)
    resources = declared_resources(config, namespace, path)
    listen_address(config, config.http.listen)
    delivery_networks(config, path)
    delivery_ca_file(config, path)
    _check_functions(path, config, resources)
    return resources


def _check_functions(path: Path, config: Config, resources: list[AnyResource]) -> None:
    functions = {each.name: each for each in resources if isinstance(each, Function)}
    if not functions and not config.functions.upload_settings:
        return
    # Imported late: plugins bring much with them.
    from broker.runtime.code_store import CodeStore
    from broker.runtime.function_logs import FunctionLogs
    from broker.runtime.invokers import InvokerHost, InvokerNotFound
    from broker.runtime.plugins import load_invokers

    host = InvokerHost(
        load_invokers(),
        CodeStore(None),
        FunctionLogs(None, 0, lambda: 0),
        upload_settings=config.functions.upload_settings,
    )
    place: Place = ("functions", "upload_settings")
    try:
        host.check_upload_settings()
        for index, table in enumerate(config.function):
            place = ("function", index, "settings")
            host.check(functions[table.name])
    except InvalidParameter as error:
        if isinstance(error, InvokerNotFound):
            place = (*place[:-1], "invoker")
        line = line_of(path.read_text(), place)
        raise ConfigError(f"{path}:{line}: {spelled(place)}: {error.message}") from None
