"""Reading run documents back: what ``--cio-json`` wrote, or one run document by itself.

A file is held against the shape of a run document before anything is made of it, so that what comes after need not doubt it. An older
schema is brought up to the present one; a newer one is refused, with the version that reads it.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_cio_load.errors import DocumentError, near_miss
from pytest_cio_load.reports import document
from pytest_cio_load.reports.histograms import trend_of
from pytest_cio_load.reports.shape import RUN, misfits
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cio_load.reports.document import Document

_KIND = "a file that --cio-json wrote, or one run document"
_MOST_TOLD = 3


def read_documents(path: str | Path) -> list[Document]:
    """Every run document in the file at *path*, in its order, of the present schema; none when the session had no contract.

    Raises:
        DocumentError: there is no such file, it cannot be read, or is damaged, truncated, of another program, or of a newer version.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        close = near_miss(file.name, [other.name for other in islice(file.parent.glob("*.json"), 1000)])
        raise _error(path, "no such file", _KIND, close or "write one with --cio-json FILE") from None
    except (OSError, ValueError) as error:
        raise _error(show_value(str(path)), getattr(error, "strerror", None) or str(error), _KIND, "name a file that can be read") from None
    return parse_documents(data, str(path))


def parse_documents(data: bytes, source: str) -> list[Document]:
    """What `read_documents` gives, of a file's content. *source* names it in errors. Raises DocumentError."""
    if not data.strip():
        raise _error(source, "an empty file", _KIND, "write it again with --cio-json")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        nearest = "it looks like UTF-16: write the file with --cio-json, not by redirection" if utf16 else "name the JSON file"
        raise _error(source, "bytes that are no UTF-8", _KIND, nearest) from None
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise _error(source, "JSON nested too deep", _KIND, "name the file that --cio-json wrote") from None
    except json.JSONDecodeError as error:
        if text.lstrip().startswith(("{", "[")) and (not text.rstrip().endswith(("}", "]")) or not text[error.pos :].strip()):
            raise _error(source, "JSON that ends too early", "a whole file", "it was cut off: write it again with --cio-json") from None
        raise _error(source, f"no JSON in line {error.lineno} ({error.msg})", _KIND, "name the JSON file") from None
    except ValueError as error:
        raise _error(source, f"no JSON ({error})", _KIND, "name the file that --cio-json wrote") from None
    return documents_in(value, source)


def documents_in(value: object, source: str) -> list[Document]:
    """The run documents that a JSON *value* holds: a session's, or the one it is. *source* names it in errors. Raises DocumentError."""
    if isinstance(value, dict) and isinstance(value.get("runs"), list):
        _check_schema(value, source, _writer(value))
        return [_run(run, source, f"runs[{index}]", _writer(value)) for index, run in enumerate(value["runs"])]
    if isinstance(value, dict) and {"schema", "test", "verdict"} <= set(value):
        return [_run(value, source, "run", "")]
    got = f"an object with {', '.join(map(repr, islice(value, 5))) or 'nothing in it'}" if isinstance(value, dict) else show_value(value)
    raise _error(source, f"foreign JSON: {got}", _KIND, _foreign(value))


def upgraded(doc: Document) -> Document:
    """*doc*, whose schema is not newer than ours, in the present schema. What an older run did not write down stays absent."""
    for schema in range(doc["schema"], document.SCHEMA):
        doc = _UPGRADES.get(schema, _unchanged)(doc)
    return doc | {"schema": document.SCHEMA}


def _unchanged(doc: Document) -> Document:
    return doc


def _with_samples(doc: Document) -> Document:
    """Schema 2 tells of a group's failures one by one."""
    for holder in (doc, doc.get("warmup")):
        if isinstance(holder, dict) and isinstance(holder.get("failures"), list):
            told = [{"samples": []} | group if isinstance(group, dict) else group for group in holder["failures"]]
            doc = doc | {"failures": told} if holder is doc else doc | {"warmup": holder | {"failures": told}}
    return doc


_UPGRADES: dict[int, Callable[[Document], Document]] = {1: _with_samples}
"""From a schema to the next, where more than an optional key was added. Schema 2 also added ``timeline``, which may be absent."""


def _run(value: object, source: str, where: str, writer: str) -> Document:
    if not isinstance(value, dict):
        raise _error(source, f"{where}: {show_value(value)}", "a run document", "write it again with --cio-json")
    _check_schema(value, source, writer)
    doc = upgraded(value)
    found = list(islice(misfits(doc, RUN, where), _MOST_TOLD + 1))
    if found:
        more = "; and more" if len(found) > _MOST_TOLD else ""
        raise DocumentError(f"{source}: {'; '.join(found[:_MOST_TOLD])}{more}; the document is damaged: write it again with --cio-json")
    for name, metric in doc["metrics"].items():
        if metric["kind"] == "trend":
            trend_of(metric, f"{source}: {where}.metrics.{name}")
    return doc


def _check_schema(value: dict[str, Any], source: str, writer: str) -> None:
    schema = value.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise _error(source, f"schema {show_value(schema)}", "a whole number from 1 up", "write it again with --cio-json")
    if schema > document.SCHEMA:
        reads = f"read it with {writer} or later" if writer else "read it with a later pytest-cio-load"
        raise _error(source, f"a document of schema {schema}", f"one of at most {document.SCHEMA}", reads)


def _writer(session: dict[str, Any]) -> str:
    plugin = session.get("plugin")
    return plugin if isinstance(plugin, str) and plugin.startswith("pytest-cio-load") and plugin.isprintable() else ""


def _foreign(value: object) -> str:
    keys = set(value) if isinstance(value, dict) else set()
    if "root_group" in keys:
        return "this is a k6 summary, which holds no histogram: name the run's own document"
    if "benchmarks" in keys:
        return "this is a file of pytest-benchmark: name one that --cio-json wrote"
    if keys & {"scenarios", "stages", "executor", "vus"}:
        return "these are k6 options: read them with `cio-load from-k6`"
    return "name the file that --cio-json wrote"


def _no_constant(text: str) -> NoReturn:
    msg = f"{text} is no JSON: expected a finite number"
    raise ValueError(msg)


def _error(source: str | Path, got: str, expected: str, nearest: str) -> DocumentError:
    return DocumentError(f"{source}: got {got}; expected {expected}; {nearest}")
