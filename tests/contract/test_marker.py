"""Stacked markers."""

from __future__ import annotations

import pytest

from pytest_cio_load.contract.contract import merge


@pytest.mark.parametrize(
    ("markers", "merged"),
    [
        ([], {}),
        ([{"rate": 1}, {"rate": 2, "duration": 3}], {"rate": 1, "duration": 3}),
        ([{"p95": 1}, {"duration": 5}, {"rate": 2, "p95": 9}], {"rate": 2, "duration": 5, "p95": 1}),
        ([{"stages": [1]}, {"rate": 2, "duration": 3, "p95": 4}], {"stages": [1], "p95": 4}),
        ([{"start_rate": 1}, {"rate": 2, "duration": 3}], {"start_rate": 1}),
        ([{"rate": 2}, {"stages": [1], "start_rate": 3}, {"duration": 9}], {"rate": 2}),
        ([{"rate": 2, "duration": 5}, {"stages": [1], "start_rate": 3, "seed": 1}], {"rate": 2, "duration": 5, "seed": 1}),
        ([{"stages": [1]}, {"stages": [2], "start_rate": 3}], {"stages": [1], "start_rate": 3}),
        ([{"start_rate": 5}, {"stages": [2], "start_rate": 3}], {"stages": [2], "start_rate": 5}),
        ([{"rate": 2, "stages": [1]}, {"rate": 7, "duration": 3}], {"rate": 2, "stages": [1]}),
        ([{"duration": 9}, {"stages": [1]}], {"duration": 9, "stages": [1]}),
        ([{"timeout": None}, {"timeout": 3}], {"timeout": None}),
    ],
)
def test_markers_merge(markers, merged):
    """The closest wins, keyword by keyword; one shape displaces the other of the markers outside it."""
    assert merge(markers) == merged


def test_merging_leaves_the_markers_alone():
    """A marker is shared by every test of its class."""
    markers = [{"stages": [1]}, {"rate": 2}]
    merge(markers)
    assert markers == [{"stages": [1]}, {"rate": 2}]
