"""``cio-load completion SHELL``: the script that has a shell complete commands, options, and values that are one of some words."""

from __future__ import annotations

from pytest_cio_load.pipeline.commands.command import Said, argument, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, OneOf

VARIABLE = "_CIO_LOAD_COMPLETE"
"""The environment's name for what a shell asks ``cio-load``."""

EXITS = {0: "the script was printed", 2: "a mistake in the arguments"}
"""What the exit code says."""

BLOCKS = (
    (
        "To have it in every new shell:",
        (
            'bash 4.4 and newer, in ~/.bashrc:  eval "$(cio-load completion bash)"',
            'zsh, in ~/.zshrc, after compinit:  eval "$(cio-load completion zsh)"',
            "fish: cio-load completion fish > ~/.config/fish/completions/cio-load.fish",
        ),
    ),
)


@subcommand("completion", exits=EXITS, blocks=BLOCKS)
@argument("shell", "SHELL", "bash, zsh or fish", type=OneOf("bash", "zsh", "fish"))
def command(said: Said) -> int:
    """Print what has a shell complete commands and options."""
    import click
    from click.shell_completion import get_completion_class

    kind = get_completion_class(said.shell)
    if kind is None:
        raise ValueError(f"shell: got {said.shell!r}, which this click does not know; expected a newer one; pip install --upgrade click")
    shell = kind(click.get_current_context().find_root().command, {}, "cio-load", VARIABLE)
    # Not `source()`: for bash that looks which version is here, and the script may be for another machine.
    print(shell.source_template % shell.source_vars())
    return DONE
