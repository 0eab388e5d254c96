"""`broker completion`: the script that completes commands and options in a shell"""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash   eval "$(broker completion bash)"       in ~/.bashrc
    zsh    eval "$(broker completion zsh)"        in ~/.zshrc
    fish   broker completion fish | source        in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click knows all of SHELLS"
    click.echo(kind(ctx.find_root().command, {}, "broker", "_BROKER_COMPLETE").source())
