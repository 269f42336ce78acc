"""Why a run is not saved, found or compared, as a tree. None of them is about the run's own verdict, which stands whatever becomes of it.

    BaselineError
    ├── NotSaved             the run is none that others should be held against
    ├── NotWritten           the folder takes no file: read-only, full, no folder
    ├── NoBaseline           there is none of that name for this test, here
    │   └── OnlyElsewhere        but there is one of another machine, or of the other clock
    ├── BaselineUnreadable   damaged, truncated, foreign or too new (also a DocumentError)
    └── OtherContract        it was measured under another load
"""

from __future__ import annotations

from pytest_cio_load.errors import CioLoadError, DocumentError


class BaselineError(CioLoadError):
    """A run could not be saved as a baseline, or not be compared with one."""


class NotSaved(BaselineError):
    """The run is none that others should be held against: it is inconclusive, or its contract was broken."""


class NotWritten(BaselineError, OSError):
    """The file cannot be written. What was there before is there still, whole."""


class NoBaseline(BaselineError, LookupError):
    """There is no baseline of that name for this test on this machine and clock."""


class OnlyElsewhere(NoBaseline):
    """There is one, but of another machine or of the other clock, and nobody asked for that to be compared."""


class BaselineUnreadable(BaselineError, DocumentError):
    """The file is damaged, truncated, of something else, or of a newer version."""


class OtherContract(BaselineError):
    """The baseline was measured under another load, so its figures say nothing about this one."""
