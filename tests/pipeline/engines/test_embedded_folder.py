"""The folder of the bundled Valkey."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pytest_cio_load.pipeline.engines.embedded_folder import FOLDER, make_folder


@pytest.mark.parametrize(
    ("place", "there", "kept_out"),
    [(FOLDER, False, True), (FOLDER, True, False), (FOLDER.parent, False, True), (Path("jobs"), False, False)],
)
def test_what_we_make_is_kept_out_of_git(tmp_path: Path, place: Path, there: bool, kept_out: bool) -> None:
    """Jobs hold people's data; a folder that is somebody's own is left as it is."""
    if there:
        (tmp_path / place.parent).mkdir()
    make_folder(tmp_path / place)
    make_folder(tmp_path / place)
    assert stat.S_IMODE((tmp_path / place).stat().st_mode) == 0o700
    assert [path.read_text(encoding="ascii") for path in tmp_path.rglob(".gitignore")] == ["*\n"] * kept_out
