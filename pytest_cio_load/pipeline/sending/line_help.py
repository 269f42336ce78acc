"""What the help of a command shows of lines and exit codes: examples to copy, all of which are read as they stand."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

JSON_LINES = (
    '{"type": "identify", "userId": "u1", "data": {"plan": "pro"}}',
    '{"type": "track", "userId": "u1", "name": "bought", "data": {"price": 42}}',
    '{"type": "person", "action": "identify", "identifiers": {"email": "a@example.com"}, "attributes": {"plan": "pro"}}',
)
"""The short form of people and events, and version 2 of the Track API."""

CSV_ROWS = (
    "type,id,name,timestamp:time,plan,price:int,paid:bool,tags:json",
    "identify,u1,Ann,,pro,,,",
    'track,u1,bought,2024-01-31T12:00:00Z,,42,true,"[""a"", ""b""]"',
)
"""A header with typed columns, and a row of either kind."""

_TYPES = "identify, track, page, screen, delete, suppress, unsuppress, add_device, delete_device"


def show_lines(parser: argparse.ArgumentParser, exits: Mapping[int, str]) -> None:
    """Have the help of *parser* end with what a line may be, and with what its exit codes mean."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parts = (
        ("JSON lines, an operation each:", JSON_LINES),
        ("", (f"type: {_TYPES};", 'with an "action" it is an entity of version 2 of the Track API')),
        ("CSV; a column without a type is text, an empty cell is left out, no type is identify:", CSV_ROWS),
        ("exit code:", tuple(f"{code}  {meaning}" for code, meaning in exits.items())),
    )
    parser.epilog = "\n".join("\n".join([*([title] if title else []), *(f"  {line}" for line in lines), ""]) for title, lines in parts)
