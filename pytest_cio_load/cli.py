"""The command ``cio-load``. Each of its commands is in a module of its own, imported when it is asked for; see `COMMANDS`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import click

from pytest_cio_load import __version__
from pytest_cio_load.pipeline.commands.command import Group
from pytest_cio_load.pipeline.commands.completion import VARIABLE
from pytest_cio_load.pipeline.commands.connecting import INTERRUPTED, MISTAKE, until_unread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

PROGRAM = "cio-load"

EXITS = {
    0: "done",
    1: "a promise is broken, something was found, or a part of it failed",
    2: "a mistake in the arguments or a file, or a server that cannot be reached",
    130: "ended by Ctrl-C",
    141: "nobody reads what it prints any more",
}
"""What exit codes mean in general; each command's help says it for that one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that can be asked for.

    Attributes:
        module: in this package; its ``command`` is the command, made by `pipeline.commands.command`.
        purpose: one line, the first of the command's own help.
    """

    module: str
    purpose: str


COMMANDS = {
    "report": Entry("reports.commands.report", "Make a report of run documents: HTML, Markdown, CSV, .hlog, k6's summary, or text."),
    "compare": Entry("baseline.commands.compare", "Compare two documents, test by test."),
    "list": Entry("baseline.commands.listing", "List the baselines that are kept, with what they measured."),
    "noise": Entry("baseline.commands.noise", "Measure how much runs of the same code differ on this machine."),
    "merge": Entry("reports.commands.merge", "Merge the runs of one test on several machines."),
    "from-k6": Entry("k6.commands.from_k6", "Turn k6's options into a marked test file."),
    "fake": Entry("pipeline.commands.fake", "Serve a fake Customer.io workspace on loopback."),
    "send": Entry("pipeline.sending.command", "Send a file of operations in batches; resumes after a kill."),
    "enqueue": Entry("pipeline.commands.enqueue", "Put a file of operations into a queue."),
    "worker": Entry("pipeline.commands.worker", "Send what is queued."),
    "top": Entry("pipeline.commands.top", "Watch a queue."),
    "dead-letters": Entry("pipeline.commands.dead_letters", "List, replay, discard or export what was given up."),
    "allow": Entry("staging.commands.allow", "List a test workspace that may get load."),
    "check": Entry("staging.commands.check", "Check that a load may go to the staging workspace, and what it will do there."),
    "cleanup": Entry("staging.commands.cleanup", "Delete the people that runs left in a real workspace."),
    "plan": Entry("scaling.commands.plan", "How much is enough: from a volume to an architecture, with the arithmetic."),
    "lint": Entry("scaling.commands.lint", "Find what cannot work in manifests that are there."),
    "k8s": Entry("scaling.commands.k8s", "Write the manifests of a worker."),
    "replay": Entry("scaling.commands.replay", "Replay an autoscaler against traffic."),
    "tune": Entry("scaling.commands.tune", "Find the cheapest autoscaler that keeps its promises."),
    "completion": Entry("pipeline.commands.completion", "Print what has a shell complete commands and options."),
}
"""Commands by name, in the order of the help. A new one is a line here, and a module."""


class Commands(Group):
    """`COMMANDS`: of those that are not asked for, only the names and purposes are known."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The one that is asked for, imported now; None for no such name."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"pytest_cio_load.{COMMANDS[cmd_name].module}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and purposes."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.purpose) for name, each in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names and options that begin like *incomplete*."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=each.purpose) for name, each in COMMANDS.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


ROOT = Commands(PROGRAM, "Tools beside the pytest plugin pytest-cio-load. COMMAND --help says what each takes.", exits=EXITS)
"""All of them."""

click.version_option(__version__, message="pytest-cio-load %(version)s")(ROOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``cio-load``: the exit code, see `EXITS`."""
    return until_unread(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    if arguments is None and (question := os.environ.get(VARIABLE)):
        from click.shell_completion import shell_complete

        return shell_complete(ROOT, {}, PROGRAM, VARIABLE, question)
    try:
        # click's own `main` would end for a pipe that broke, and for Ctrl-C, with exit codes of its own.
        with ROOT.make_context(PROGRAM, list(sys.argv[1:] if arguments is None else arguments)) as context:
            return int(ROOT.invoke(context))
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.UsageError as error:
        from pytest_cio_load.pipeline.commands.mistakes import mistake

        print(mistake(error, PROGRAM), file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
