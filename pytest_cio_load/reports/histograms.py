"""A trend of a run document, read back whole and strictly: its histogram is HdrHistogram's compressed form (V2), in base64.

The form stores counts in the bucket layout that `Trend` has, so a count goes where it came from and nothing is lost. Minimum, maximum and
sum stand beside the histogram in the document, to a thousandth, and are taken from there: those of the buckets are coarser.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import DocumentError
from pytest_cio_load.metrics.measured import THOUSANDTHS, Trend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OUTER = struct.Struct(">ii")  # cookie, length of what is compressed
_INNER = struct.Struct(">iiiiqqd")  # cookie, length of the counts, offset, digits, lowest, highest, ratio
_COMPRESSED, _PLAIN = 0x1C849314, 0x1C849313
_DIGITS = 3
_LONGEST = 1 << 20
_RUN_AGAIN = "the run document is damaged: write it again with --cio-json"


def trend_of(metric: Mapping[str, Any], where: str) -> Trend:
    """The trend that a run document's *metric* holds, to the last sample.

    Args:
        metric: one of the document's metrics, of the kind "trend".
        where: what it is called in an error.

    Raises:
        DocumentError: the histogram is damaged, or says something else than the figures beside it.
    """
    trend = Trend()
    trend.counts = dict(_counts(str(metric["histogram"]), where))
    trend.samples = sum(trend.counts.values())
    if trend.samples != metric["samples"]:
        raise _damaged(where, f"a histogram of {trend.samples} samples", f"the {metric['samples']} that stand beside it")
    if trend.samples:
        trend.lowest, trend.highest = (round(metric[name] * THOUSANDTHS) for name in ("min", "max"))
        if [_bucket(trend.lowest), _bucket(trend.highest)] != [min(trend.counts), max(trend.counts)]:
            raise _damaged(where, f"{metric['min']} to {metric['max']}", "the least and the greatest value of its histogram")
        # "sum", in thousandths, is exact; from the mean it is known to half a thousandth a sample.
        trend.total = int(metric["sum"]) if "sum" in metric else round(metric["avg"] * THOUSANDTHS * trend.samples)
    return trend


def _counts(text: str, where: str) -> Iterator[tuple[int, int]]:
    """Buckets with their counts, in order."""
    whole = "an HdrHistogram, compressed (V2) and in base64"
    try:
        data = base64.b64decode(text, validate=True)
        cookie, length = _OUTER.unpack_from(data)
        unpacked = zlib.decompressobj()
        plain = unpacked.decompress(data[_OUTER.size :], _LONGEST)
        inner, size, offset, digits, lowest, _, _ = _INNER.unpack_from(plain)
    except (binascii.Error, ValueError, struct.error, zlib.error) as error:
        raise _damaged(where, f"no histogram ({error})", whole) from None
    counts = plain[_INNER.size :]
    if (cookie, inner) != (_COMPRESSED, _PLAIN) or not unpacked.eof or length != len(data) - _OUTER.size or size != len(counts):
        raise _damaged(where, "a histogram of another form or length", whole)
    if (offset, digits, lowest) != (0, _DIGITS, 1):
        raise _damaged(where, f"a histogram of {digits} significant digits from {lowest} up", f"one of {_DIGITS} digits from 1 up")
    index = 0
    for number in _numbers(counts, where):
        # A negative number is a run of empty buckets.
        if number > 0:
            yield index, number
        index += 1 if number >= 0 else -number


def _numbers(data: bytes, where: str) -> Iterator[int]:
    """Signed numbers in ZigZag LEB128, of which the ninth byte holds eight bits."""
    value = shift = 0
    for byte in data:
        last = shift == 56
        value |= (byte if last else byte & 0x7F) << shift
        if byte & 0x80 and not last:
            shift += 7
            continue
        yield (value >> 1) ^ -(value & 1)
        value = shift = 0
    if shift:
        raise _damaged(where, "a histogram that ends within a number", "whole counts")


def _bucket(thousandths: int) -> int:
    one = Trend()
    one.record(thousandths)
    return next(iter(one.counts))


def _damaged(where: str, got: str, expected: str) -> DocumentError:
    return DocumentError(f"{where}: got {got}; expected {expected}; {_RUN_AGAIN}")
