"""What the help of a command shows of lines: examples to copy, all of which are read as they stand."""

from __future__ import annotations

import click

from pytest_cio_load.pipeline.commands.connecting import OneOf

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


LINES = (
    ("JSON lines, an operation each:", JSON_LINES),
    ("", (f"type: {_TYPES};", 'with an "action" it is an entity of version 2 of the Track API')),
    ("CSV; a column without a type is text, an empty cell is left out, no type is identify:", CSV_ROWS),
)
"""What a line may be: titles, and lines that are shown as they stand."""

format_option = click.option(
    "--format", type=OneOf("jsonl", "csv", "parquet"), show_default="by its name; of standard input: jsonl", help="Of the file"
)
"""How the file is to be read."""
