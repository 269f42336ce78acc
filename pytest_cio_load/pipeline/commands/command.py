"""What a command of ``cio-load`` is: click's command that takes everything said as one value, and whose help ends with its exit codes.

A module has one, called ``command``::

    @subcommand("top", exits={0: "it was shown", 2: "the queue cannot be reached"})
    @queue_options
    @click.option("--once", is_flag=True, help="Print one picture, and end")
    def command(said: Said) -> int:
        \"\"\"Watch a queue.\"\"\"

The docstring is its help, its number the exit code. What is wrong with arguments is worded in `mistakes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import click

from pytest_cio_load.errors import near_miss
from pytest_cio_load.pipeline.commands.connecting import F, told, without_password
from pytest_cio_load.units import show_value

SETTINGS: Mapping[str, Any] = {"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 110}
"""What every command's context has."""

Block = tuple[str, Sequence[str]]
"""A title, or "", and lines that are shown as they stand."""


class Said(SimpleNamespace):
    """What was said: options and arguments by their names."""


class Argument(click.Argument):
    """An argument with a line of help.

    Args:
        given: as click has it.
        about: the line.
        how: as click has it.
    """

    def __init__(self, *given: Any, about: str = "", **how: Any) -> None:
        super().__init__(*given, **how)
        self.about = about


class Command(click.Command):
    """A command.

    Args:
        given: as click has it.
        exits: what its exit codes mean.
        blocks: to be shown at the end of its help, before them.
        how: as click has it.
    """

    # Too many arguments are told in our own words.
    allow_extra_args = True

    def __init__(self, *given: Any, exits: Mapping[int, str], blocks: Sequence[Block] = (), **how: Any) -> None:
        super().__init__(*given, **{"context_settings": dict(SETTINGS), **how})
        self.exits, self.blocks = exits, blocks

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does it; an option is no other option's value, and what is too much is shown."""
        if not ctx.resilient_parsing:
            self._check_values(ctx, args)
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click does not always say which command it was
            raise
        if rest and not ctx.resilient_parsing:
            taken = [each.human_readable_name for each in self.params if isinstance(each, click.Argument)]
            expected = f"nothing after {' and '.join(taken)}" if taken else "options only"
            raise click.UsageError(
                f"arguments: got {show_value(without_password(rest[0]))} too; expected {expected}; leave it out, or quote it", ctx
            )
        return rest

    def _check_values(self, ctx: click.Context, args: Sequence[str]) -> None:
        """Refuse ``--queue --shards 2``, of which click would make a queue called --shards."""
        named = {name: each for each in self.get_params(ctx) if isinstance(each, click.Option) for name in each.opts}
        left = pairwise([*args, ""])
        for word, following in left:
            option = named.get(word)
            if word == "--":
                return
            if option is None or option.is_flag or option.count or getattr(option, "_flag_needs_value", False):
                continue
            if following.startswith("--") and len(following) > 2:
                shown, expected = following.partition("=")[0], value_of(option)
                raise click.UsageError(f"{word}: got {shown} in place of a value; expected {expected}; write {word}=… if it is one", ctx)
            next(left, None)

    def invoke(self, ctx: click.Context) -> int:
        """Do it: the exit code. See `connecting.told` for what is raised."""
        work: Callable[[Said], int] = self.callback  # type: ignore[assignment]
        return told(ctx.command_path.partition(" ")[2], lambda: work(Said(**ctx.params)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Arguments, then options."""
        if rows := [(each.human_readable_name, each.about) for each in self.params if isinstance(each, Argument)]:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        records = [record for each in self.get_params(ctx) if isinstance(each, click.Option) and (record := each.get_help_record(ctx))]
        with formatter.section("Options"):
            # click puts a default that is a phrase in parentheses; here most are.
            formatter.write_dl([(names, re.sub(r"\[default: \((.+)\)(?=[];])", r"[default: \1", about)) for names, about in records])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What is shown as it stands, and the exit codes."""
        write_blocks(formatter, self.blocks)
        write_exits(formatter, self.exits)


class Group(click.Group):
    """Several commands under one name.

    Args:
        name: theirs.
        about: what is shown of them.
        exits: what their exit codes mean.
    """

    def __init__(self, name: str, about: str, *, exits: Mapping[int, str]) -> None:
        super().__init__(
            name=name,
            help=about,
            callback=click.pass_context(_check_chosen),
            # That none was asked for is told in our own words.
            invoke_without_command=True,
            subcommand_metavar="COMMAND [ARGS]...",
            context_settings=dict(SETTINGS),
        )
        self.exits = exits

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order in which they were added."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant, and what is left for it. Raises UsageError, which names the nearest."""
        found = self.get_command(ctx, args[0])
        if found is None and not ctx.resilient_parsing:
            known = self.list_commands(ctx)
            nearest = near_miss(args[0], known) or f"try {ctx.command_path} --help"
            raise click.UsageError(
                f"command: got {show_value(without_password(args[0]))}; expected one of {', '.join(known)}; {nearest}", ctx
            )
        return args[0] if found else None, found, args[1:]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The exit codes."""
        write_exits(formatter, self.exits)


def value_of(option: click.Parameter) -> str:
    """What an option wants, as a word: ``TIME``, ``us or eu``."""
    if isinstance(option.type, click.Choice):
        return " or ".join(map(str, option.type.choices))
    return option.metavar or "a value"


def _check_chosen(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        known = ctx.command.list_commands(ctx) if isinstance(ctx.command, click.Group) else []
        raise click.UsageError(f"command: got none; expected one of {', '.join(known)}; try {ctx.command_path} --help", ctx)


def subcommand(name: str, *, exits: Mapping[int, str], blocks: Sequence[Block] = ()) -> Callable[[Callable[[Said], int]], Command]:
    """Make a command of a function. Its docstring is the help; see `Command` for the rest."""

    def made(work: Callable[[Said], int]) -> Command:
        return click.command(name, cls=Command, exits=exits, blocks=blocks)(work)

    return made


def argument(name: str, metavar: str, about: str, **how: Any) -> Callable[[F], F]:
    """Add an argument, shown as *metavar*, with a line of help."""
    return click.argument(name, cls=Argument, metavar=metavar, about=about, **how)


json_option = click.option("--json", is_flag=True, help="Print JSON")
"""What it says for programs: one JSON document on standard output, unless the command's help says otherwise."""


def write_blocks(formatter: click.HelpFormatter, blocks: Sequence[Block]) -> None:
    """Show *blocks* as they stand, wider than the rest where they are."""
    for title, lines in blocks:
        formatter.write_paragraph()
        formatter.write("".join(f"{line}\n" for line in [*([title] if title else []), *(f"  {line}" for line in lines)]))


def write_exits(formatter: click.HelpFormatter, exits: Mapping[int, str]) -> None:
    """Show what exit codes mean."""
    with formatter.section("Exit codes"):
        formatter.write_dl([(str(code), meaning) for code, meaning in exits.items()])
