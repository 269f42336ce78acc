"""The plotting library: Vega-Lite, whose scripts come with the package vl-convert-python, so that the page needs nothing from a network."""

from __future__ import annotations

import re
from functools import cache

_SNIPPET = "window.vegaEmbed = vegaEmbed;"


@cache
def library() -> str:
    """Vega-Lite, Vega and Vega-Embed as one script that can stand inside a page; made once in a process (a second).

    Raises:
        RuntimeError: the package is not installed, or cannot be loaded on this machine.
    """
    try:
        from vl_convert import javascript_bundle
    except ImportError as error:
        why = "it is not installed" if isinstance(error, ModuleNotFoundError) else str(error)
        got = f"the HTML report draws with vl-convert-python: got none ({why})"
        raise RuntimeError(f"{got}; expected it beside pytest-cio-load; try pip install 'pytest-cio-load[html]'") from None
    return embeddable(javascript_bundle(_SNIPPET))


def embeddable(script: str) -> str:
    """*script*, of which nothing can end the element that it stands in. Only in its texts could there be such a thing."""
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", script, flags=re.IGNORECASE)
