"""What is said of arguments that make no sense: what was got, what was expected, and the nearest fix; never a password."""

from __future__ import annotations

import click

from pytest_cio_load.errors import near_miss
from pytest_cio_load.pipeline.commands.command import value_of
from pytest_cio_load.pipeline.commands.connecting import without_password


def mistake(error: click.UsageError, program: str) -> str:
    """A line for *error*: the command and what is wrong; and where its help is. *program* stands for a command that is not known."""
    path = error.ctx.command_path if error.ctx is not None else program
    text = f"{path}: {without_password(_said(error))}"
    return text if "--help" in text else f"{text}\n{path} --help says what it takes"


def _said(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        return f"{error.option_name}: got an option that it does not have; expected one of its own; {_nearest(error)}"
    if isinstance(error, click.BadOptionUsage):
        return _misused(error)
    if isinstance(error, click.BadParameter):
        return _bad(error)
    return error.format_message()


def _options(error: click.UsageError) -> dict[str, click.Option]:
    params = error.ctx.command.get_params(error.ctx) if error.ctx is not None else []
    return {name: each for each in params if isinstance(each, click.Option) for name in each.opts}


def _nearest(error: click.NoSuchOption) -> str:
    known = [name for name in _options(error) if name.startswith("--")]
    begun = [name for name in known if name.startswith(error.option_name)]
    # A beginning is meant, however far it is from the whole.
    if len(begun) == 1 and error.option_name.startswith("--"):
        return f"did you mean {begun[0]}?"
    return near_miss(error.option_name, known) or "try --help"


def _misused(error: click.BadOptionUsage) -> str:
    name = error.option_name
    option = _options(error).get(name)
    if option is None or option.is_flag:
        return f"{name}: got a value; expected none, it is on or off; try {name} alone"
    return f"{name}: got no value; expected {value_of(option)}; write it after {name}"


def _bad(error: click.BadParameter) -> str:
    name = _name(error.param)
    if not isinstance(error, click.MissingParameter):
        return f"{name}: {error.message}" if name else error.message
    if isinstance(error.param, click.Option):
        return f"{name}: got none; expected {value_of(error.param)}; add {name}"
    return f"{name}: got none; expected {getattr(error.param, 'about', '') or 'an argument'}; add it"


def _name(param: click.Parameter | None) -> str:
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return "" if param is None else param.human_readable_name
