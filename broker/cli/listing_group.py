"""a group of commands that lists if none of them is named"""

import click


class ListingGroup(click.Group):
    """`broker queues` is `broker queues list`, with the options of that."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name in where it was left out; completion sees what was typed."""
        names_none = not args or args[0].startswith("-")
        asks_for_help = bool(args) and args[0] in ctx.help_option_names
        if names_none and not asks_for_help and not ctx.resilient_parsing:
            args = ["list", *args]
        return super().parse_args(ctx, args)
